"""The seats of callers without a role: a limit for the worker's threads in which such callers wait.

Microsoft's worker runs each function in one of min(32, CPUs + 4) threads. A caller whose role is unknown waits for
Azure. Without a limit, any user who can sign in could occupy every thread while Azure hangs.
"""

import os
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.errors import BackendError

SEATS: Final = 2
SPARE: Final = 1  # threads of the worker that stay free of callers without a role, even if Azure is prompt
PROMPT_SECONDS: Final = 2.4  # a single wait that takes longer means that Azure is slow
SLOW_SECONDS: Final = 15.0  # how long Azure counts as slow after such a wait
THREADS_SETTING: Final = "PYTHON_THREADPOOL_THREAD_COUNT"
MOST_REFUSED: Final = 2_000  # callers. The one with the oldest decision is removed first


class SeatsTakenError(BackendError):
    """The caller would have to wait for Azure, but other callers without a role have taken both seats."""

    def __init__(self) -> None:
        super().__init__(
            "Couldn't check your access: Azure is slow, and other calls already wait for it.",
            advice="Try again in a few seconds.",
        )


class Seat:
    """The seat that one call takes before its first wait. A caller with a role has no `seats` and doesn't need one."""

    def __init__(self, seats: "Seats | None", caller: Hashable = None) -> None:
        self.caller: Final = caller
        self._seats = seats
        self._is_taken = False
        self._is_measured = True
        self._clock = 0.0

    def take(self) -> None:
        """Take a seat before a wait, unless this call doesn't need one. This can wait for the seat (see `Seats`).

        A call that has a seat keeps it, and its next wait is measured separately.

        Raises:
            SeatsTakenError: All seats are taken.
        """
        if self._seats is None:
            return
        if self._is_taken:
            self._seats.begin_wait(self)
            return
        self._seats.take(self)
        self._is_taken = True

    def take_if_free(self) -> bool:
        """Take a seat without a wait, and return whether one was free. Its time isn't measured."""
        if self._seats is None or self._is_taken:
            return True
        self._is_measured = False
        self._is_taken = self._seats.take_if_free(self)
        return self._is_taken

    def leave(self) -> None:
        """Release the seat if it was taken."""
        if self._seats is not None and self._is_taken:
            self._is_taken = False
            self._seats.leave(self)

    def start_clock(self) -> None:
        """Measure from now on how long the caller waits."""
        self._clock = _clock()

    @property
    def seconds(self) -> float:
        """How many seconds the current wait has taken, without the time for loading SDKs."""
        return _clock() - self._clock if self._is_measured else 0.0


NOT_NEEDED: Final = Seat(None)


class Seats:
    """The two seats of one process.

    While Azure is slow, callers without a role occupy at most these two threads, and a further caller is refused
    immediately. Azure counts as slow if one wait on a seat takes `PROMPT_SECONDS`, now or within the last
    `SLOW_SECONDS`. Otherwise, a call may wait for a seat if `SPARE` of the worker's threads stay free.

    The first parallel calls of one caller, such as those of a page, may always wait, until a decision finds no role. So
    when Azure becomes slow, more than two threads are occupied for the first `PROMPT_SECONDS` at most.
    """

    def __init__(self, threads: int) -> None:
        """Create the seats. `threads` is the number of threads of the worker."""
        self._most_queued = max(0, threads - SEATS - SPARE)
        self._change = threading.Condition()
        self._taken: list[Seat] = []
        self._queue: list[Seat] = []
        self._slow_until = 0.0
        self._refused_until: dict[Hashable, float] = {}  # in the order of the decisions

    @contextmanager
    def visit(self, caller: Hashable, *, needed: bool) -> Iterator[Seat]:
        """Yield the seat of one call, which takes it before its first wait. It is released after the call."""
        seat = Seat(self, caller) if needed else NOT_NEEDED
        try:
            yield seat
        finally:
            seat.leave()

    def note(self, caller: Hashable, *, has_role: bool) -> None:
        """Remember a decision. A caller without a role can't wait behind its own calls for `SLOW_SECONDS`."""
        with self._change:
            self._refused_until.pop(caller, None)
            if not has_role:
                self._refused_until[caller] = time.monotonic() + SLOW_SECONDS
                if len(self._refused_until) > MOST_REFUSED:
                    del self._refused_until[next(iter(self._refused_until))]

    def take(self, seat: Seat) -> None:
        """Take a seat, and wait for it while Azure is prompt.

        Raises:
            SeatsTakenError: All seats are taken.
        """
        with self._change:
            if len(self._taken) >= SEATS:
                self._wait(seat)
            self._sit(seat)

    def take_if_free(self, seat: Seat) -> bool:
        """Take a seat if one is free, and return whether it was."""
        with self._change:
            is_free = len(self._taken) < SEATS
            if is_free:
                self._sit(seat)
            return is_free

    def begin_wait(self, seat: Seat) -> None:
        """Measure the next wait of a call that has a seat."""
        with self._change:
            self._end_wait(seat)
            seat.start_clock()

    def leave(self, seat: Seat) -> None:
        """Release a seat."""
        with self._change:
            self._taken.remove(seat)
            self._end_wait(seat)
            self._change.notify_all()

    def _end_wait(self, seat: Seat) -> None:
        if seat.seconds >= PROMPT_SECONDS:
            self._slow_until = time.monotonic() + SLOW_SECONDS

    def _sit(self, seat: Seat) -> None:
        seat.start_clock()
        self._taken.append(seat)

    def _wait(self, seat: Seat) -> None:
        joins = any(seat.caller == other.caller for other in (*self._taken, *self._queue))
        may_join = joins and time.monotonic() >= self._refused_until.get(seat.caller, 0.0)
        if len(self._queue) >= self._most_queued and not may_join:
            raise SeatsTakenError
        self._queue.append(seat)
        deadline = Deadline.after(SLOW_SECONDS)
        try:
            while len(self._taken) >= SEATS:
                now = time.monotonic()
                seconds_left = PROMPT_SECONDS - max(taken.seconds for taken in self._taken)
                if seconds_left <= 0 or now < self._slow_until or deadline.expired:
                    raise SeatsTakenError
                self._change.wait(seconds_left)
        finally:
            self._queue.remove(seat)


def worker_threads(environ: Mapping[str, str]) -> int:
    """Return how many threads Microsoft's worker has: by its setting, otherwise the default of Python's pools."""
    setting = environ.get(THREADS_SETTING, "").strip()
    is_valid = setting.isascii() and setting.isdecimal() and int(setting[:6]) > 0
    return int(setting[:6]) if is_valid else min(32, (os.cpu_count() or 1) + 4)


def _clock() -> float:
    """Return a time that does not advance while SDKs are loaded."""
    return time.monotonic() - LOADING.seconds()
