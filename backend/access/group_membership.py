"""The Entra groups that a user is a member of, from Microsoft Graph, with CIPP's SAM app."""

import threading
from collections.abc import Collection
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from backend.access.tables import Known
from backend.azure.clients import Clients
from backend.concurrency.cached import MARGIN_SECONDS, Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.credentials.sam_token import SamToken
from backend.errors import AzureRefusedError, AzureUnreachableError, NotFoundError
from backend.formats import is_guid
from backend.key_vault.vault import KeyVault
from backend.readings import text_of, text_or_none, texts_of

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

AT_ONCE: Final = 20  # groups per call (Microsoft Graph, checkMemberGroups)
LIFETIME_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 15.0
SHORT_WAIT_SECONDS: Final = 2.5  # after a timeout, so that callers without a role don't delay all others
SLOW_SECONDS: Final = 15.0  # how long Graph counts as slow after a timeout
MOST_KEPT: Final = 2_000
_TOKEN_REFUSED: Final = (401, 403)  # a new token might have the missing right, and does no harm for other causes
Key = tuple[str, frozenset[str]]
Groups = frozenset[str]


class GroupMembers:
    """The service for group members.

    The SAM app needs the Graph permission Directory.Read.All, or both User.Read.All and GroupMember.Read.All.
    """

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._token = SamToken(clients, vault)
        self._lock = threading.Lock()
        self._known: dict[Key, Cached[Groups]] = {}  # in the order of their first calls
        self._slow_until = Deadline.after(0)

    def roles_of(self, user: str, known: Known, seat: Seat = NOT_NEEDED) -> list[str]:
        """Return the roles that a user has by groups. Raises as `of`."""
        return known.roles_of(self.of(user, known.groups, seat))

    def of(self, user: str, groups: Collection[str], seat: Seat = NOT_NEEDED) -> Groups:
        """Return those of the groups that a user is in, directly or through other groups. Cached for 60 s.

        `user` is an object ID or a user principal name. By name, a guest is not in any group.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            BackendError: The SAM app can't sign in, or Graph refused or timed out. This is not cached.
        """
        if not groups:
            return frozenset()
        key = (user.lower(), frozenset(groups))
        known = self._known.get(key)
        if known is None or not known.is_fresh:
            seat.take()  # before the call, so that callers without a role start at most one call per seat
        wait_seconds = WAIT_SECONDS if self._slow_until.expired else SHORT_WAIT_SECONDS
        try:
            return self._of(key).get(Deadline.after(wait_seconds))
        except AzureUnreachableError:
            self._slow_until = Deadline.after(SLOW_SECONDS)
            raise

    def _of(self, key: Key) -> Cached[Groups]:
        """Return the groups of one user. Beyond `MOST_KEPT` users, the oldest is removed."""
        with self._lock:
            if key not in self._known:
                if len(self._known) >= MOST_KEPT:
                    in_use = {one: known for one, known in self._known.items() if known.is_fresh or known.is_loading}
                    if len(in_use) >= MOST_KEPT:
                        del in_use[next(iter(in_use))]
                    self._known = in_use
                self._known[key] = Cached(
                    partial(self._look, key),
                    action="get your groups from Microsoft Graph",
                    lifetime=LIFETIME_SECONDS,
                    from_start=True,
                    abandoned_seconds=self._clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
                )
            return self._known[key]

    def _look(self, key: Key) -> Groups:
        try:
            return self._request(*key)
        except AzureRefusedError as error:
            if error.status in _TOKEN_REFUSED:  # a new token does not help for any other status
                self._token.forget()
            raise

    def _request(self, user: str, groups: Groups) -> Groups:
        self._token()  # outside of the try, so that a missing secret does not count as an unknown user
        try:
            object_id = user if is_guid(user) else self._member(user)
            if object_id is None:
                return frozenset()
            wanted = sorted(groups)
            parts = [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]
            path = f"users/{object_id}/checkMemberGroups"
            action = "get your groups from Microsoft Graph"
            responses = [self._graph.ask(action, path, {"groupIds": part}) for part in parts]
        except NotFoundError:  # the user is not in the partner tenant
            return frozenset()
        return groups & {group.lower() for response in responses for group in texts_of(response.get("value"))}

    def _member(self, name: str) -> str | None:
        """Return the object ID of a member of the tenant, or None for a guest or another name."""
        if "@" not in name:
            return None
        user = self._graph.read(
            "look you up in Microsoft Graph",
            f"users/{quote(name, safe='', errors='replace')}?$select=id,userPrincipalName,userType",
        )
        is_same = text_of(user.get("userPrincipalName")).lower() == name
        return text_or_none(user.get("id")) if is_same and user.get("userType") == "Member" else None

    @cached_property
    def _graph(self) -> "Graph":
        from backend.sam_app.graph import Graph  # noqa: PLC0415 - only a lookup needs it

        return Graph(self._clients.cloud, self._clients.limits, self._token)
