"""A lock across all instances: a row in CIPP's table storage, by the clock of the storage.

The row's Timestamp and each response's Date are from the storage, so clocks of machines don't matter. The owner renews
the row while it runs. A row that was not renewed for `LIFETIME` is free.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.cipp.lock_row import TABLE, LockRow, Outcome, read_row
from backend.cipp.owned_lock import LostLockError
from backend.concurrency import background
from backend.concurrency.deadline import Deadline, poll
from backend.concurrency.fresh_call import Together
from backend.errors import AzureRefusedError, BackendError, ConflictError
from backend.readings import text_or_none

RENEWED_EVERY: Final = timedelta(seconds=8)
FRESH: Final = timedelta(seconds=2)
TRIED_EVERY_SECONDS: Final = 0.2
PAUSE_SECONDS: Final = 4.0  # after a failed renewal, so that writing threads don't all wait for the storage
_in_this_process: Final[dict[str, "_Turn"]] = {}


class RowLock:
    """The lock while a run owns it. Without a row, it applies only within this process.

    `failure` is why the row is missing although a storage account is configured, "" otherwise.
    """

    def __init__(self, name: str, row: LockRow | None = None, *, failure: str = "") -> None:
        self._name = name
        self._row = row
        self._renewed = time.monotonic()
        self.failure = failure
        self._taken = ""  # why the lock is lost permanently
        self._unrenewed = ""  # why the last renewal failed
        self._advice = ""  # what to do about that
        self._paused_until = 0.0
        self._renew = Together(self._renew_row)

    def must_hold(self) -> None:
        """Raise unless this run still owns the lock. It renews the row unless that was done just now.

        Another run can't take a row that was renewed less than `FRESH` ago, because it waits for `LIFETIME`. A process
        that was suspended finds its last renewal old, and renews. After a failed renewal, each call fails immediately
        for `PAUSE_SECONDS`.

        Raises:
            LostLockError: Another run has taken the lock, or the storage did not renew it.
        """
        if not self._taken and time.monotonic() - self._renewed > FRESH.total_seconds():
            self._renew()
        if self._taken:
            raise LostLockError(self._taken, to_another=True)

    def _renew_row(self) -> None:
        """Renew the row by its ETag, which another run would have changed."""
        if self._row is None or self._taken:
            return
        began = time.monotonic()
        if self._unrenewed and began < self._paused_until:
            raise LostLockError(self._unrenewed, to_another=False, advice=self._advice)
        try:
            with while_trying_to(f"renew the lock of the {self._name}"):
                is_renewed = _is_renewed(self._row)
        except BackendError as error:
            self._unrenewed = error.detail
            self._advice = error.advice if isinstance(error, AzureRefusedError) else ""
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            raise LostLockError(self._unrenewed, to_another=False, advice=self._advice) from error
        if is_renewed:
            self._renewed, self._unrenewed = began, ""
        else:
            self._taken = f"Another run has taken the lock of the {self._name}, so this one stopped."

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the row in a thread while the block runs, then release the lock."""
        ended = threading.Event()
        keeper = background.start(partial(self._keep, ended), name=f"lock of the {self._name}")
        try:
            yield
        finally:
            ended.set()
            keeper.result()
            if self._row is not None and not self._taken:
                self._row.delete()

    def _keep(self, ended: threading.Event) -> None:
        """Renew until the run ends. A failed renewal is raised by the run's next `must_hold`."""
        while not ended.wait(RENEWED_EVERY.total_seconds()):
            try:
                self.must_hold()
            except Exception:  # noqa: BLE001, S112 - must_hold raises it again in the run, before it writes
                continue


def holder(clients: Clients, name: str) -> str | None:
    """Return the ID of the run that owns a lock now, or None if it is free or unknown."""
    try:
        tables = clients.tables()
        if tables is None:
            return None
        with while_trying_to(f"read the lock of the {name}"):
            seen = read_row(tables.get_table_client(TABLE), name)
    except BackendError:
        return None
    return None if seen is None or seen.is_expired else text_or_none(seen.run_id)


@dataclass
class _Turn:
    """The owner of a lock within this process, and since when it has been the owner."""

    free: threading.Lock = field(default_factory=threading.Lock)
    who: str = "Another run in this process"
    since: datetime | None = None


@contextmanager
def row_lock(  # noqa: PLR0913 - all options of a lock
    clients: Clients, name: str, *, run_id: str, by: str, wait_seconds: float = 0, needs_storage: bool = True
) -> Iterator[RowLock]:
    """Own the lock of that name for the block. Without a storage account, it applies only within this process.

    Without `needs_storage`, the same applies if the storage fails, and the lock's `failure` is the reason. A lock that
    another run was seen to own is always respected.

    Raises:
        ConflictError: Another run still owns it after `wait_seconds`. The message names the run and since when.
        BackendError: The storage timed out, refused or is not configured correctly, and `needs_storage` is on.
    """
    deadline = Deadline.after(wait_seconds)
    turn = _in_this_process.setdefault(name, _Turn())
    if not turn.free.acquire(timeout=wait_seconds or -1, blocking=wait_seconds > 0):
        raise _taken(name, turn.who, turn.since)
    try:
        turn.who, turn.since = f"Run {run_id} by {by}", datetime.now(UTC)
        try:
            tables = clients.tables()
            row = LockRow(tables.get_table_client(TABLE), name, run_id, by) if tables is not None else None
            if row is not None:
                _acquire_by(deadline, row, name)
            lock = RowLock(name, row)
        except ConflictError:
            raise
        except BackendError as error:
            if needs_storage:
                raise
            lock = RowLock(name, failure=str(error))
        with lock.renewed():
            yield lock
    finally:
        turn.free.release()


def _acquire_by(deadline: Deadline, row: LockRow, name: str) -> None:
    """Try until this run owns the lock or the deadline comes. After another owner was seen, failures are ignored."""
    taken: ConflictError | None = None

    def is_acquired() -> bool:
        nonlocal taken
        try:
            with while_trying_to(f"acquire the lock of the {name} in CIPP's table storage"):
                _acquire(row, name)
        except ConflictError as error:
            taken = error
        except BackendError:
            if taken is None:
                raise
        else:
            return True
        return False

    if not poll(is_acquired, every=TRIED_EVERY_SECONDS, deadline=deadline, is_done=bool):
        raise taken or _taken(name, "Another run", None)


def _acquire(row: LockRow, name: str) -> None:
    """Create the row, or take it over from a run that did not renew it.

    Raises:
        ConflictError: Another run owns the lock.
    """
    if row.create() is Outcome.MINE:
        return
    seen = row.read(retry_total=0)  # one try, because the write before it has already waited if the storage hangs
    if seen is None:
        raise _taken(name, "Another run, which has just ended,", None)
    if seen.run_id == row.run_id:  # it was created, but the response was lost
        return
    if not seen.is_expired:
        raise _taken(name, f"Run {seen.run_id} by {seen.by}", seen.since)
    if row.take_over(seen.etag) is not Outcome.MINE and not row.is_mine():
        raise _taken(name, "Another run, which has just begun,", None)


def _is_renewed(row: LockRow) -> bool:
    """Renew the row. Return False if it is another run's or was deleted.

    If the response to a renewal is lost, the ETag might have changed. A read then shows whose row it is.
    """
    return row.renew() is Outcome.MINE or (row.is_mine() and row.renew(is_last=True) is Outcome.MINE)


def _taken(name: str, who: str, since: datetime | None) -> ConflictError:
    began = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return ConflictError(
        f"{who} has the lock of the {name}{began}. Nothing was changed.", advice="Wait until it ends, then retry."
    )
