"""One at a time, across all instances: a row in CIPP's table storage, judged by the storage's own clock.

The row's Timestamp and each answer's Date are the service's, so no machine's clock decides. A holder renews
the row while it lives; a row that was not renewed for `LIFETIME` is free.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from backend import correlation
from backend.clients import Clients
from backend.errors import BackendError, ConflictError, while_trying_to
from backend.held import LostLockError
from backend.loading import LOADING
from backend.together import Together

if TYPE_CHECKING:
    from azure.data.tables import TableClient

TABLE: Final = "CippBackendLocks"
PARTITION: Final = "lock"
LIFETIME: Final = timedelta(seconds=29)  # free at most 30 s after its holder died: a Date has whole seconds
RENEWED_EVERY: Final = timedelta(seconds=8)
FRESH: Final = timedelta(seconds=2)
TRIED_EVERY_SECONDS: Final = 0.2
PAUSE_SECONDS: Final = 4.0  # after a failed renewal, so that 64 threads that write don't wait for the storage in turn
# A call for the lock of a run that goes on or ends, with its retries. After a time-out there is none: two renewals fit
# in a row's LIFETIME, and a run that ends waits for a silent storage no longer than a renewal and a release take.
BRIEF: Final[Mapping[str, Any]] = MappingProxyType({"deadline_seconds": 10.0})
_in_this_process: Final[dict[str, "_Turn"]] = {}


@dataclass
class _Turn:
    """Whose turn it is in this process, and since when."""

    free: threading.Lock = field(default_factory=threading.Lock)
    who: str = "Another run in this process"
    since: datetime | None = None


class RowLock:
    """The lock as a row; without a table it holds within this process alone.

    `failure` is why there is no row, though a storage is configured; "" if there is one or none is configured.
    """

    def __init__(self, name: str, run_id: str, table: "TableClient | None" = None, etag: str = "") -> None:
        self._name = name
        self._run_id = run_id
        self._table = table
        self._etag = etag
        self._renewed = time.monotonic()
        self.failure = ""
        self._taken = ""  # why the lock is lost for good
        self._unrenewed = ""  # why the last renewal failed
        self._paused_until = 0.0
        self._renew = Together(self._renew_row)

    def must_hold(self) -> None:
        """Go on only if the lock is still owned: it is renewed, unless that was done just now.

        A row renewed less than `FRESH` ago cannot have been taken: others wait for `LIFETIME`. A process that
        slept finds its last renewal old, and renews. After a failed renewal the storage is left alone for
        `PAUSE_SECONDS`: until then each call fails immediately.

        Raises:
            LostLockError: Another run has taken it, or the storage did not renew it.
        """
        if not self._taken and time.monotonic() - self._renewed > FRESH.total_seconds():
            self._renew()
        if self._taken:
            raise LostLockError(self._taken, to_another=True)

    def _renew_row(self) -> None:
        """Renew the row by its etag; whoever took it changed that."""
        if self._table is None or self._taken:
            return
        began = time.monotonic()
        if self._unrenewed and began < self._paused_until:
            raise LostLockError(self._unrenewed, to_another=False)
        try:
            with while_trying_to(f"renew the lock of the {self._name}"):
                is_renewed = self._is_renewed(self._table)
        except BackendError as error:
            self._unrenewed = f"The storage did not renew the lock of the {self._name}. {error}"
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            raise LostLockError(self._unrenewed, to_another=False) from error
        if is_renewed:
            self._renewed, self._unrenewed = began, ""
        else:
            self._taken = f"Another run has taken the lock of the {self._name} meanwhile, so this one stopped."

    def _is_renewed(self, table: "TableClient") -> bool:
        """Renew; return False if the row is another run's or gone.

        If the response to a renewal is lost, it has changed the etag or not: the row shows whose it is.
        """
        from azure.core.exceptions import (  # noqa: PLC0415 - imported where a lock is held
            ResourceModifiedError,
            ResourceNotFoundError,
            ServiceResponseError,
        )

        try:
            self._etag = _renewed(table, self._name, self._etag)
        except (ResourceModifiedError, ResourceNotFoundError, ServiceResponseError):
            etag = _etag_of_ours(table, self._name, self._run_id)
            if etag is None:
                return False
            try:
                # Tried once: a retry after a lost response finds another etag, as if the row were another run's.
                self._etag = _renewed(table, self._name, etag, retry_total=0)
            except (ResourceModifiedError, ResourceNotFoundError):
                return False
        return True

    def release(self) -> None:
        """Give the lock back; a row that is not ours any more stays."""
        from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is held
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - the same

        if self._table is None or self._taken:
            return
        try:
            self._table.delete_entity(
                _row(self._name), etag=self._etag, match_condition=MatchConditions.IfNotModified, **BRIEF
            )
        except AzureError:
            return  # it is free by itself after LIFETIME


def holder(clients: Clients, name: str) -> str | None:
    """Answer the id of the run that holds a lock now; None if none does, or it is unknown."""
    with LOADING:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - imported where a lock is looked at

    dates: list[datetime] = []
    try:
        tables = clients.tables()
        if tables is None:
            return None
        row = tables.get_table_client(TABLE).get_entity(
            PARTITION, _key(name), raw_response_hook=lambda answer: dates.append(_date(answer))
        )
    except (AzureError, BackendError):
        return None
    renewed = row.metadata["timestamp"] or dates[-1]
    return str(row["RunId"]) if dates[-1] - renewed < LIFETIME else None


@contextmanager
def row_lock(  # noqa: PLR0913 - all that a lock is
    clients: Clients, name: str, *, run_id: str, by: str, wait_seconds: float = 0, needs_storage: bool = True
) -> Iterator[RowLock]:
    """Hold the lock of that name for the length of a run; without a storage it holds within this process alone.

    Without `needs_storage` it does so, too, if the storage fails: the lock's `failure` says why. A lock that was seen
    in another run's hands is never passed by.

    Raises:
        ConflictError: Another run holds it, still after `wait_seconds`; the message says who, and since when.
        BackendError: The storage timed out, refused or is not configured rightly, and `needs_storage` is on.
    """
    give_up_at = time.monotonic() + wait_seconds
    turn = _in_this_process.setdefault(name, _Turn())
    if not turn.free.acquire(timeout=wait_seconds or -1, blocking=wait_seconds > 0):
        raise ConflictError(_taken(name, turn.who, turn.since))
    try:
        turn.who, turn.since = f"Run {run_id} by {by}", datetime.now(UTC)
        held = RowLock(name, run_id)
        try:
            tables = clients.tables()
            if tables is not None:
                held = _acquire_by(give_up_at, tables.get_table_client(TABLE), name, {"RunId": run_id, "By": by})
        except ConflictError:
            raise
        except BackendError as error:
            if needs_storage:
                raise
            held.failure = str(error)
        ended = threading.Event()
        keeper = threading.Thread(
            target=correlation.inherited(_keep), args=(held, ended), name=f"lock of the {name}", daemon=True
        )
        keeper.start()
        try:
            yield held
        finally:
            ended.set()
            keeper.join()
            held.release()
    finally:
        turn.free.release()


def _keep(held: RowLock, ended: threading.Event) -> None:
    """Renew until the run ends; a failed renewal shows at the run's next `must_hold`."""
    while not ended.wait(RENEWED_EVERY.total_seconds()):
        try:
            held.must_hold()
        except Exception:  # noqa: BLE001, S112 - must_hold tells the run itself, when it is about to write
            continue


def _acquire_by(give_up_at: float, table: "TableClient", name: str, who: dict[str, str]) -> RowLock:
    """Try until the lock is ours, or the time is over. A storage that fails after it named a holder changes nothing."""
    taken: ConflictError | None = None
    while True:
        try:
            return _acquire(table, name, who)
        except ConflictError as error:
            taken = error
        except BackendError:
            if taken is None:
                raise
        if time.monotonic() >= give_up_at:
            raise taken
        time.sleep(TRIED_EVERY_SECONDS)


def _acquire(table: "TableClient", name: str, who: dict[str, str]) -> RowLock:
    from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is taken
    from azure.core.exceptions import (  # noqa: PLC0415 - the same
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
        ServiceResponseError,
    )
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

    mine: dict[str, Any] = {**_row(name), **who, "Since": datetime.now(UTC)}
    with while_trying_to(f"take the lock of the {name} in CIPP's table storage"):
        try:
            try:
                answer = table.create_entity(mine)
            except ResourceNotFoundError:  # the first run ever: there is no table yet
                table.create_table()
                answer = table.create_entity(mine)
            return RowLock(name, mine["RunId"], table, str(answer["etag"]))
        except (ResourceExistsError, ServiceResponseError):
            pass
        dates: list[datetime] = []
        try:
            # Tried once: the write before it has waited for a silent storage already.
            row = table.get_entity(
                PARTITION, _key(name), raw_response_hook=lambda a: dates.append(_date(a)), retry_total=0
            )
        except ResourceNotFoundError as error:
            raise ConflictError(_taken(name, "Another run, which has just ended", None)) from error
        renewed, etag = row.metadata["timestamp"] or dates[-1], str(row.metadata["etag"])
        if row.get("RunId") == mine["RunId"]:  # it was made, but the answer was lost
            return RowLock(name, mine["RunId"], table, etag)
        if dates[-1] - renewed < LIFETIME:
            raise ConflictError(_taken(name, f"Run {row.get('RunId')} by {row.get('By')}", row.get("Since")))
        try:
            answer = table.update_entity(
                mine, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
            etag = str(answer["etag"])
        except (ResourceModifiedError, ResourceNotFoundError, ServiceResponseError) as error:
            ours = _etag_of_ours(table, name, mine["RunId"])
            if ours is None:
                raise ConflictError(_taken(name, "Another run, which has just begun", None)) from error
            etag = ours
        return RowLock(name, mine["RunId"], table, etag)


def _renewed(table: "TableClient", name: str, etag: str, **retries: int) -> str:
    """Write the row by its etag, so that the storage sets its time, and return the new etag."""
    from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is held
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

    answer = table.update_entity(
        _row(name),
        mode=UpdateMode.MERGE,
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
        **BRIEF,
        **retries,
    )
    return str(answer["etag"])


def _etag_of_ours(table: "TableClient", name: str, run_id: str) -> str | None:
    """Answer the row's etag where it is that run's; None where it is another's or gone."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported where a lock is taken

    try:
        row = table.get_entity(PARTITION, _key(name), **BRIEF)
    except ResourceNotFoundError:
        return None
    return str(row.metadata["etag"]) if row.get("RunId") == run_id else None


def _row(name: str) -> dict[str, str]:
    return {"PartitionKey": PARTITION, "RowKey": _key(name)}


def _key(name: str) -> str:
    return name.lower().replace(" ", "-")


def _date(answer: Any) -> datetime:  # noqa: ANN401 - azure-core's response
    return parsedate_to_datetime(answer.http_response.headers["Date"])


def _taken(name: str, who: str, since: datetime | None) -> str:
    began = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"{who} holds the lock of the {name}{began}. Wait for it to end; nothing was changed."
