"""The Entra groups that a user is a member of, from Microsoft Graph, with CIPP's SAM app."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from backend.access.graph_lookups import Lookups, SamGraph
from backend.access.tables import AccessRules
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import NotFoundError
from backend.formats import is_guid
from backend.readings import text_of, text_or_none, texts_of

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

ACTION: Final = "get your groups from Microsoft Graph"
AT_ONCE: Final = 20  # groups per call (Microsoft Graph, checkMemberGroups)
Key = tuple[str, frozenset[str]]
Groups = frozenset[str]


class GroupMembers:
    """The service for group members.

    The SAM app needs the Graph permission Directory.Read.All, or both User.Read.All and GroupMember.Read.All.
    """

    def __init__(self, graph: SamGraph) -> None:
        self._groups = Lookups[Key, Groups](graph, _look, action=ACTION)

    def roles_of(self, user: str, rules: AccessRules, seat: Seat = NOT_NEEDED) -> list[str]:
        """Return the roles that a user has by groups. Raises as `of`."""
        return rules.roles_of(self.of(user, rules.groups, seat))

    def of(self, user: str, groups: Collection[str], seat: Seat = NOT_NEEDED) -> Groups:
        """Return those of the groups that a user is in, directly or through other groups. Cached for 60 s.

        `user` is an object ID or a user principal name. By name, a guest is not in any group.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            BackendError: The SAM app can't sign in, or Graph refused or timed out. This is not cached.
        """
        if not groups:
            return frozenset()
        return self._groups.of((user.lower(), frozenset(groups)), seat)


def _look(graph: "Graph", key: Key) -> Groups:
    user, groups = key
    try:
        object_id = user if is_guid(user) else _member(graph, user)
        if object_id is None:
            return frozenset()
        wanted = sorted(groups)
        parts = [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]
        path = f"users/{object_id}/checkMemberGroups"
        responses = [graph.ask(ACTION, path, {"groupIds": part}) for part in parts]
    except NotFoundError:  # the user is not in the partner tenant
        return frozenset()
    return groups & {group.lower() for response in responses for group in texts_of(response.get("value"))}


def _member(graph: "Graph", name: str) -> str | None:
    """Return the object ID of a member of the tenant, or None for a guest or another name."""
    if "@" not in name:
        return None
    user = graph.read(
        "look you up in Microsoft Graph",
        f"users/{quote(name, safe='', errors='replace')}?$select=id,userPrincipalName,userType",
    )
    is_same = text_of(user.get("userPrincipalName")).lower() == name
    return text_or_none(user.get("id")) if is_same and user.get("userType") == "Member" else None
