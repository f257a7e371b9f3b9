"""Which of some Entra groups a user is a member of, by Graph, as CIPP's SAM app."""

import threading
import time
from collections.abc import Collection
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from backend.clients import Clients
from backend.errors import AzureRefusedError, AzureUnreachableError, NotFoundError
from backend.key_vault import KeyVault, is_guid
from backend.sam_token import SamToken
from backend.seats import NOT_NEEDED, Seat
from backend.shared_call import MARGIN_SECONDS, Attempt

if TYPE_CHECKING:
    from backend.graph import Graph

AT_ONCE: Final = 20  # groups a call (Microsoft Graph, checkMemberGroups)
LIFETIME_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 15.0
SHORT_WAIT_SECONDS: Final = 2.5  # after a silence, so that those without a role do not hold up everybody else
SILENCE_SECONDS: Final = 15.0  # how long it is taken to go on
MOST_KEPT: Final = 2_000
_REFUSED_US: Final = (401, 403)
Key = tuple[str, frozenset[str]]
Groups = frozenset[str]


class GroupMembers:
    """The service of the members.

    The SAM app needs the Graph permission Directory.Read.All; or User.Read.All and GroupMember.Read.All.
    """

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._token = SamToken(clients, vault)
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[float, Groups]] = {}
        self._looks: dict[Key, Attempt[Groups]] = {}  # those under way; an ended one goes when the next begins
        self._silent_until = 0.0

    def of(self, user: str, groups: Collection[str], seat: Seat = NOT_NEEDED) -> Groups:
        """Return those of the groups that a user is in, directly or through others. It is remembered for 60 s.

        `user` is an object id, or a user principal name; by name a guest is in none.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and none is free.
            BackendError: Nobody can sign in as the SAM app, or Graph refused or was silent. It is not remembered.
        """
        if not groups:
            return frozenset()
        key = (user.lower(), frozenset(groups))
        with self._lock:
            is_kept = self._kept(key) is not None
        if not is_kept:
            seat.take()  # before the look begins: callers without a role begin no more of them than they have seats
        with self._lock:
            if (members := self._kept(key)) is not None:
                return members
            look = self._under_way(key)
        now = time.monotonic()
        wait_seconds = SHORT_WAIT_SECONDS if now < self._silent_until else WAIT_SECONDS
        try:
            return look.result(now + wait_seconds, what="ask Graph for your groups")
        except AzureUnreachableError:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            raise

    def _kept(self, key: Key) -> Groups | None:
        """Return what Graph responded within the last minute, or None if it was not called."""
        entry = self._known.get(key)
        return entry[1] if entry and time.monotonic() < entry[0] else None

    def _under_way(self, key: Key) -> Attempt[Groups]:
        """Return the look under way, or a new one if it takes longer than a call to Azure may."""
        self._looks = {one: look for one, look in self._looks.items() if not look.done}
        look = self._looks.get(key)
        if look is None or look.is_abandoned(self._clients.limits.azure_deadline_seconds + MARGIN_SECONDS):
            look = self._looks[key] = Attempt(partial(self._look, key), "ask Graph for groups")
        return look

    def _look(self, key: Key) -> Groups:
        begun = time.monotonic()
        try:
            found = self._ask(*key)
        except AzureRefusedError as error:
            if error.status in _REFUSED_US:  # for any other reason a new token would be no better
                self._token.forget()
            raise
        else:
            with self._lock:
                self._keep(key, begun, found)
            return found

    def _keep(self, key: Key, begun: float, found: Groups) -> None:
        if len(self._known) >= MOST_KEPT:
            self._known = {known: kept for known, kept in self._known.items() if begun < kept[0]}
        if len(self._known) < MOST_KEPT:
            self._known[key] = (begun + LIFETIME_SECONDS, found)

    def _ask(self, user: str, groups: Groups) -> Groups:
        self._token()  # what the vault lacks is not taken for a user whom Graph does not know
        try:
            object_id = user if is_guid(user) else self._member(user)
            if object_id is None:
                return frozenset()
            wanted = sorted(groups)
            parts = [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]
            path = f"users/{object_id}/checkMemberGroups"
            answers = [self._graph.ask("ask Graph for your groups", path, {"groupIds": part}) for part in parts]
        except NotFoundError:  # the partner's tenant has no such user
            return frozenset()
        return groups & {str(group).lower() for answer in answers for group in answer.get("value") or ()}

    def _member(self, name: str) -> str | None:
        """Answer the object id of a member of the tenant; None for a guest, or where it is not their name."""
        if "@" not in name:
            return None
        found = self._graph.read(
            "look you up in Graph",
            f"users/{quote(name, safe='', errors='replace')}?$select=id,userPrincipalName,userType",
        )
        is_same = str(found.get("userPrincipalName")).lower() == name
        return str(found["id"]) if is_same and found.get("userType") == "Member" else None

    @cached_property
    def _graph(self) -> "Graph":
        from backend.graph import Graph  # noqa: PLC0415 - only a lookup needs it

        return Graph(self._clients.cloud, self._clients.limits, self._token)
