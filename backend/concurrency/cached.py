"""A value that one call loads for all threads, and that is cached for a time, or until this process has written.

After a write, the next read is fresh: a value whose call began before the write ended does not count, and no caller
joins such a call. That applies to every cached value, unless it states why it survives writes.
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.concurrency.writes import WRITES

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

T = TypeVar("T")
ABANDONED_SECONDS: Final = 60.0  # callers don't join a call that takes longer, but start another one
MARGIN_SECONDS: Final = 5.0  # on top of the deadline of one call to Azure, for loading an SDK and starting threads


@dataclass(frozen=True)
class _Kept(Generic[T]):
    """A value, the start of its call and its expiry, by the monotonic clock, and the writes that ended before."""

    value: T
    began: float
    expires: Deadline
    writes: int


class Attempt(Generic[T]):
    """One call in its own thread. Times are from the monotonic clock."""

    def __init__(self, work: Callable[["Attempt[T]"], T], action: str) -> None:
        self.writes: Final = WRITES.count
        self.began: Final = time.monotonic()
        self.ended = 0.0
        self._action = action
        self._failure: tuple[BaseException, TracebackType | None] | None = None

        def run() -> T:
            try:
                return work(self)
            except BaseException as error:
                self._failure = error, error.__traceback__
                raise
            finally:
                self.ended = time.monotonic()

        self._future: Future[T] = background.start(run, name=action)

    @property
    def done(self) -> bool:
        """Whether the result is available, so that no caller waits for it."""
        return self._future.done()

    @property
    def failed(self) -> bool:
        """Whether the call raised."""
        return self._failure is not None

    def wait(self, deadline: Deadline) -> bool:
        """Wait for the call until the deadline at most, and return whether it is done."""
        return not wait([self._future], deadline.left).not_done

    def result(self, deadline: Deadline) -> T:
        """Return the result. Wait until the deadline at most.

        Raises:
            AzureUnreachableError: The deadline came first.
            Exception: The exception of the call.
        """
        try:
            return background.by(deadline, self._future, what=self._action)
        except Exception as error:
            if self._failure and error is self._failure[0]:
                error.with_traceback(self._failure[1])  # otherwise it collects the frames of all callers
            raise


class Cached(Generic[T]):
    """A value that is loaded on demand. The first caller starts the call, and the others join it.

    Callers join a hanging call for `abandoned_seconds`. After that, they start another one. If both return, the value
    of the later call counts.
    """

    def __init__(  # noqa: PLR0913 - some value needs each of these options
        self,
        load: Callable[[], T],
        *,
        action: str,
        lifetime: float | Callable[[T], float | None],
        from_start: bool = False,
        failure_seconds: float = 0.0,
        wait_seconds: float | None = None,
        backoff_seconds: float = 0.0,
        abandoned_seconds: float = ABANDONED_SECONDS,
        may_be_stale: Callable[[T], bool] = lambda _: False,
        survives_writes: str = "",
    ) -> None:
        """Create it without a value. Nothing is loaded before the first `get` or `begin`.

        action: what the call does, for errors, such as "read TenantID from the vault".
        lifetime: how many seconds a value is cached, or a function of the value. If the function returns None, only
            the waiting callers get the value.
        from_start: the lifetime and `failure_seconds` count from the start of the call, not from when it is done.
        failure_seconds: how long a failure counts. In that time, the call is not repeated.
        wait_seconds: how long callers without a deadline wait for a call, from its start. By default, until it is
            abandoned.
        backoff_seconds: after a caller's wait timed out, callers don't wait for that time. Each such call extends it.
        may_be_stale: whether an expired value is returned while the next one is loaded.
        survives_writes: why a write of this process does not make the value stale. By default, it does.
        """
        self._load = load
        self._action = action
        self._lifetime = lifetime
        self._from_start = from_start
        self._failure_seconds = failure_seconds
        self._wait_seconds = abandoned_seconds if wait_seconds is None else wait_seconds
        self._backoff_seconds = backoff_seconds
        self._abandoned_seconds = abandoned_seconds
        self._may_be_stale = may_be_stale
        self._survives_writes = bool(survives_writes)
        self._lock = threading.Lock()
        self._attempt: Attempt[T] | None = None  # in progress, or the last one if its value is not cached
        self._kept: _Kept[T] | None = None
        self._backoff = Deadline(0.0)

    def get(
        self,
        deadline: Deadline | None = None,
        *,
        max_age: float = math.inf,
        seat: Seat = NOT_NEEDED,
        after_writes: bool = False,
    ) -> T:
        """Return the value. A cached value counts only if its call began less than `max_age` seconds ago.

        Otherwise, the caller joins the call in progress, whenever that began, or starts one. It takes the seat, and
        waits until the deadline. With `after_writes`, only a call that began after the last write counts, even if the
        value survives writes.

        Raises:
            AzureUnreachableError: The deadline came first. The call continues.
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            Exception: The exception of the call.
        """
        with self._lock:
            kept = self._fresh(max_age, after_writes=after_writes)
            if kept is None:
                attempt = self._current(after_writes=after_writes)
                last = self._kept
                is_outdated = last is None or self._is_outdated(last.writes, after_writes=after_writes)
                kept = last if last and not is_outdated and self._may_be_stale(last.value) else None
            if kept is not None:
                return kept.value
            is_callers = deadline is not None
            if deadline is None:
                deadline = Deadline(attempt.began + self._wait_seconds)
            if not self._backoff.expired:
                deadline = Deadline.after(0)
        if not attempt.done and not deadline.expired:
            queued = time.monotonic()
            seat.take()
            if is_callers:  # the wait for the seat does not count
                deadline = deadline.plus(time.monotonic() - queued)
        try:
            return attempt.result(deadline)
        finally:
            if not attempt.done:
                self._backoff = Deadline.after(self._backoff_seconds)

    def begin(self) -> Attempt[T] | None:
        """Start the call in the background. Return the call to wait for, or None if a cached value still counts."""
        with self._lock:
            return None if self._fresh() else self._current()

    def reload(self, deadline: Deadline | None = None) -> T:
        """Load and cache the value by a new call, even if there is a cached value or a call in progress.

        Raises:
            AzureUnreachableError: The deadline came first. The call continues.
            Exception: The exception of the call.
        """
        attempt = Attempt(self._loaded, self._action)
        return attempt.result(deadline or Deadline.after(self._wait_seconds))

    def peek(self) -> T | None:
        """Return the last loaded value, even if it has expired, or None before the first."""
        kept = self._kept
        return kept.value if kept else None

    @property
    def is_fresh(self) -> bool:
        """Whether a cached value still counts."""
        return self._fresh() is not None

    @property
    def is_loading(self) -> bool:
        """Whether a call is in progress."""
        attempt = self._attempt
        return attempt is not None and not attempt.done

    def forget(self) -> None:
        """Remove the value. A call in progress continues, and a failure still counts for its time."""
        with self._lock:
            self._kept = None

    def _is_outdated(self, writes: int, *, after_writes: bool) -> bool:
        """Return whether a write has ended since so many had."""
        return (after_writes or not self._survives_writes) and writes != WRITES.count

    def _fresh(self, max_age: float = math.inf, *, after_writes: bool = False) -> _Kept[T] | None:
        kept = self._kept
        if kept is None or kept.expires.expired or self._is_outdated(kept.writes, after_writes=after_writes):
            return None
        return kept if time.monotonic() - kept.began < max_age else None

    def _current(self, *, after_writes: bool = False) -> Attempt[T]:
        """Return the call in progress, or the last one if its failure counts, or start one."""
        last = self._attempt
        is_outdated = last is not None and self._is_outdated(last.writes, after_writes=after_writes)
        if self._attempt is None or is_outdated or not self._counts(self._attempt):
            self._attempt = Attempt(self._loaded, self._action)
        return self._attempt

    def _counts(self, last: Attempt[T]) -> bool:
        now = time.monotonic()
        if not last.done:
            return now - last.began < self._abandoned_seconds
        return last.failed and now - (last.began if self._from_start else last.ended) < self._failure_seconds

    def _loaded(self, attempt: Attempt[T]) -> T:
        try:
            value = self._load()
        except BaseException:
            with self._lock:
                if self._attempt is attempt and not self._failure_seconds:
                    self._attempt = None  # its error would keep all its frames in memory
            raise
        seconds = self._lifetime(value) if callable(self._lifetime) else self._lifetime
        with self._lock:
            if seconds is not None and (self._kept is None or attempt.began >= self._kept.began):
                began = attempt.began if self._from_start else time.monotonic()
                self._kept = _Kept(value, attempt.began, Deadline(began + seconds), attempt.writes)
                if self._attempt is attempt:
                    self._attempt = None  # a thousand cached values don't need a thousand calls in memory
        return value
