"""The seats of callers without a role: how many threads of the worker they may use together while they wait.

Microsoft's worker runs each function in one of min(32, CPUs + 4) threads. A caller whose role is unknown waits for
Azure to decide whether they have one, so anyone who may sign in could use every thread while Azure hangs.
"""

import os
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from backend.errors import BackendError
from backend.loading import LOADING

SEATS: Final = 2
SPARE: Final = 1  # threads of the worker that callers without a role leave free, however prompt Azure is
PROMPT_SECONDS: Final = 2.4  # a single wait that takes longer means that Azure is slow
SLOW_SECONDS: Final = 15.0  # how long Azure counts as slow after that
THREADS_SETTING: Final = "PYTHON_THREADPOOL_THREAD_COUNT"
MOST_REFUSED: Final = 2_000  # callers; the one who was decided about longest ago is forgotten first


class SeatsTakenError(BackendError):
    """The caller would have to wait for Azure, and other callers without a role have both seats."""

    def __init__(self) -> None:
        super().__init__(
            "Access can't be decided now, because Azure is slow and other calls wait for it already. "
            "Try again in some seconds."
        )


class Seat:
    """What one call takes before its first wait. `seats` is None for a caller with a role, who needs none."""

    def __init__(self, seats: "Seats | None", caller: Hashable = None) -> None:
        self.caller: Final = caller
        self._seats = seats
        self._is_taken = False
        self._is_measured = True
        self._clock = 0.0

    def take(self) -> None:
        """Take a seat before a wait, unless this call needs none; it may wait for the seat, see `Seats`.

        A call that has a seat keeps it, and its next wait is measured by itself.

        Raises:
            SeatsTakenError: None is free.
        """
        if self._seats is None:
            return
        if self._is_taken:
            self._seats.begin_wait(self)
            return
        self._seats.take(self)
        self._is_taken = True

    def take_if_free(self) -> bool:
        """Take a seat for what the caller doesn't wait for; return whether there was one. It isn't measured."""
        if self._seats is None or self._is_taken:
            return True
        self._is_measured = False
        self._is_taken = self._seats.take_if_free(self)
        return self._is_taken

    def leave(self) -> None:
        """Give the seat back, if it was taken."""
        if self._seats is not None and self._is_taken:
            self._is_taken = False
            self._seats.leave(self)

    def start_clock(self) -> None:
        """Measure from now on how long the caller waits."""
        self._clock = _clock()

    @property
    def seconds(self) -> float:
        """How long the current wait has taken. The time in which SDKs were loaded does not count."""
        return _clock() - self._clock if self._is_measured else 0.0


NOT_NEEDED: Final = Seat(None)


class Seats:
    """Two seats of one process.

    While Azure is slow, callers without a role hold these two threads at most, and a further caller is refused
    immediately. Azure counts as slow if one wait on a seat takes `PROMPT_SECONDS`, now or within the last
    `SLOW_SECONDS`. Otherwise a call may wait for a seat as long as `SPARE` of the worker's threads stay free. The
    parallel first calls of one caller, such as a page's, may wait in any case, until a decision finds no role for them.
    So when Azure becomes slow, more than two threads are held within the first `PROMPT_SECONDS` alone.
    """

    def __init__(self, threads: int) -> None:
        """`threads` are those of the worker."""
        self._most_queued = max(0, threads - SEATS - SPARE)
        self._change = threading.Condition()
        self._taken: list[Seat] = []
        self._queue: list[Seat] = []
        self._slow_until = 0.0
        self._refused_until: dict[Hashable, float] = {}  # in the order of the decisions

    @contextmanager
    def visit(self, caller: Hashable, *, needed: bool) -> Iterator[Seat]:
        """Yield the seat of one call. The call takes it before its first wait, and it is given back after the call."""
        seat = Seat(self, caller) if needed else NOT_NEEDED
        try:
            yield seat
        finally:
            seat.leave()

    def note(self, caller: Hashable, *, has_role: bool) -> None:
        """Remember what a decision found: a caller without a role does not wait behind their own calls for a while."""
        with self._change:
            self._refused_until.pop(caller, None)
            if not has_role:
                self._refused_until[caller] = time.monotonic() + SLOW_SECONDS
                if len(self._refused_until) > MOST_REFUSED:
                    del self._refused_until[next(iter(self._refused_until))]

    def take(self, seat: Seat) -> None:
        """Take a seat, waiting for it while Azure is prompt.

        Raises:
            SeatsTakenError: None is free.
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
        """Give a seat back."""
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
        give_up_at = time.monotonic() + SLOW_SECONDS
        try:
            while len(self._taken) >= SEATS:
                now = time.monotonic()
                seconds_left = PROMPT_SECONDS - max(taken.seconds for taken in self._taken)
                if seconds_left <= 0 or now < self._slow_until or now >= give_up_at:
                    raise SeatsTakenError
                self._change.wait(seconds_left)
        finally:
            self._queue.remove(seat)


def worker_threads(environ: Mapping[str, str]) -> int:
    """Return how many threads Microsoft's worker has: by its setting, else as many as Python's pools have."""
    setting = environ.get(THREADS_SETTING, "").strip()
    is_valid = setting.isascii() and setting.isdecimal() and int(setting[:6]) > 0
    return int(setting[:6]) if is_valid else min(32, (os.cpu_count() or 1) + 4)


def _clock() -> float:
    """Return a time that stands still while SDKs are loaded."""
    return time.monotonic() - LOADING.seconds()
