"""Users of the partner tenant by their object ID, from Microsoft Graph, with CIPP's SAM app."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backend.access.graph_lookups import Lookups, SamGraph
from backend.azure.errors.translation import while_trying_to
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import NOT_READABLE, NotFoundError, UnreadableResponseError
from backend.readings import text_of

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

ACTION: Final = "look you up in Microsoft Graph"
_FIELDS: Final = "id,userPrincipalName,accountEnabled"
_MARK: Final = "#ext#"  # in the name of every account from another tenant, whether its type is Guest or Member


@dataclass(frozen=True)
class EntraUser:
    """A user. `name` is the user principal name as Microsoft Entra ID has it now."""

    name: str
    is_enabled: bool

    @property
    def is_external(self) -> bool:
        """Whether the account is from another tenant, and only invited to this one."""
        return _MARK in self.name.lower()


class EntraUsers:
    """The service for users. The SAM app needs the Graph permission User.Read.All or Directory.Read.All."""

    def __init__(self, graph: SamGraph) -> None:
        self._users = Lookups[str, EntraUser | None](graph, _look, action=ACTION)

    def of(self, object_id: str, seat: Seat = NOT_NEEDED) -> EntraUser | None:
        """Return a user by their object ID, or None if the tenant does not have the user. Cached for 60 s.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            BackendError: The SAM app can't sign in, or Graph refused, timed out or left out a field. This is not
                cached.
        """
        return self._users.of(object_id.lower(), seat)


def _look(graph: "Graph", object_id: str) -> EntraUser | None:
    try:
        found = graph.read(ACTION, f"users/{object_id}?$select={_FIELDS}")
    except NotFoundError:
        return None
    name, is_enabled = text_of(found.get("userPrincipalName")), found.get("accountEnabled")
    with while_trying_to(ACTION):
        # Graph leaves out whether the account is enabled if the SAM app may only read basic profiles.
        if text_of(found.get("id")).lower() != object_id or "@" not in name or not isinstance(is_enabled, bool):
            raise UnreadableResponseError(NOT_READABLE, advice="Check that CIPP's SAM app has User.Read.All.")
    return EntraUser(name, is_enabled)
