"""Lookups of users in Microsoft Graph with CIPP's SAM app, cached for a minute for each key."""

import threading
from collections.abc import Callable, Hashable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from backend.azure.clients import Clients
from backend.concurrency.cached import MARGIN_SECONDS, Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.credentials.sam_token import SamToken
from backend.errors import AzureRefusedError, AzureUnreachableError
from backend.key_vault.vault import KeyVault

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
LIFETIME_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 15.0
SHORT_WAIT_SECONDS: Final = 2.5  # after a timeout, so that callers without a role don't delay all others
SLOW_SECONDS: Final = 15.0  # how long Graph counts as slow after a timeout
MOST_KEPT: Final = 2_000
_TOKEN_REFUSED: Final = (401, 403)  # a new token might have the missing right, and does no harm for other causes


class SamGraph:
    """Microsoft Graph as CIPP's SAM app. All lookups share its sign-in, and know whether it timed out recently."""

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self.limits: Final = clients.limits
        self._cloud = clients.cloud
        self._token = SamToken(clients, vault)
        self._slow_until = Deadline.after(0)

    @property
    def wait_seconds(self) -> float:
        """How long a caller waits for a lookup."""
        return WAIT_SECONDS if self._slow_until.expired else SHORT_WAIT_SECONDS

    def note_timeout(self) -> None:
        """Remember that Graph is slow."""
        self._slow_until = Deadline.after(SLOW_SECONDS)

    def call(self, work: Callable[["Graph"], T]) -> T:
        """Return the result of work with Graph, after a sign-in as the SAM app.

        Raises:
            BackendError: The SAM app can't sign in, or the error of the work.
        """
        self._token()  # before the work, in which a 404 has a meaning that a missing secret does not have
        try:
            return work(self._graph)
        except AzureRefusedError as error:
            if error.status in _TOKEN_REFUSED:  # a new token does not help for any other status
                self._token.forget()
            raise

    @cached_property
    def _graph(self) -> "Graph":
        from backend.sam_app.graph import Graph  # noqa: PLC0415 - only a lookup needs it

        return Graph(self._cloud, self.limits, self._token)


class Lookups(Generic[K, T]):
    """Results by key, such as a user's ID. Concurrent callers with the same key share one call."""

    def __init__(self, graph: SamGraph, look: Callable[["Graph", K], T], *, action: str) -> None:
        """Create it without results. `action` is what `look` does, such as "get your groups from Microsoft Graph"."""
        self._graph = graph
        self._look = look
        self._action = action
        self._lock = threading.Lock()
        self._results: dict[K, Cached[T]] = {}  # in the order of their first calls

    def of(self, key: K, seat: Seat = NOT_NEEDED) -> T:
        """Return the result for a key, at most `LIFETIME_SECONDS` old.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            BackendError: The SAM app can't sign in, or Graph refused or timed out. This is not cached.
        """
        result = self._results.get(key)
        if result is None or not result.is_fresh:
            seat.take()  # before the call, so that callers without a role start at most one call per seat
        try:
            return self._of(key).get(Deadline.after(self._graph.wait_seconds))
        except AzureUnreachableError:
            self._graph.note_timeout()
            raise

    def _of(self, key: K) -> Cached[T]:
        """Return the result of one key. Beyond `MOST_KEPT` keys, the oldest is removed."""
        with self._lock:
            if key not in self._results:
                if len(self._results) >= MOST_KEPT:
                    in_use = {
                        one: result for one, result in self._results.items() if result.is_fresh or result.is_loading
                    }
                    if len(in_use) >= MOST_KEPT:
                        del in_use[next(iter(in_use))]
                    self._results = in_use
                self._results[key] = Cached(
                    lambda: self._graph.call(partial(self._look_up, key)),
                    action=self._action,
                    lifetime=LIFETIME_SECONDS,
                    from_start=True,
                    abandoned_seconds=self._graph.limits.azure_deadline_seconds + MARGIN_SECONDS,
                    survives_writes="this app changes neither users nor groups",
                )
            return self._results[key]

    def _look_up(self, key: K, graph: "Graph") -> T:
        return self._look(graph, key)
