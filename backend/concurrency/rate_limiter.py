"""A rate limiter that uses the whole limit of a service and never exceeds it."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.errors import BackendError

FIRST_PAUSE_SECONDS: Final = 1.0  # doubled after each consecutive refusal, as Key Vault's guidance recommends
LONGEST_PAUSE_SECONDS: Final = 4.0  # a vault's window is 10 s
GROWTH: Final = 0.25  # of a place for each accepted call, so a quarter more in each window
SHORTEST_WAIT_SECONDS: Final = 0.001  # 0 means that a place is free
LOOK_AGAIN_SECONDS: Final = 0.05  # while it depends on calls in progress


class NoTimeLeftError(BackendError):
    """The deadline came before a place was free, so no request was sent.

    `retry_after` is the number of seconds that the service requests callers to wait, 0 if it does not state it.
    """

    def __init__(self, detail: str, *, retry_after: float = 0, advice: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.retry_after = retry_after


@dataclass
class Turn:
    """The place of one call."""

    began: float = field(default_factory=time.monotonic)
    refused: bool = False
    retry_after: float = 0

    def refuse(self, retry_after: float) -> None:
        """Note that the service was too busy. `retry_after` is 0 if it did not state how long to wait."""
        self.refused, self.retry_after = True, retry_after


class Pace:
    """At most `most` calls in any `window_seconds`, over all threads.

    A call occupies its place from its start until one window after its response. The service counts the call at some
    point in between, so no window of the service contains more than `most` calls.

    The service can still refuse a call, because others use it too. Then, after a pause, one call tries it. After that
    half as many calls as before are allowed, but at least as many as it accepted in the last window. The number then
    grows slowly.
    """

    def __init__(self, most: int, window_seconds: float) -> None:
        self._most: Final = most
        self._window: Final = window_seconds
        self._lock = threading.Lock()
        self._allowed = float(most)
        self._under_way = 0
        self._accepted: deque[float] = deque()  # the times of responses
        self._not_before = 0.0
        self._is_busy = False  # it refused a call and has accepted none since, so one call at a time
        self._is_pause_stated = False  # the service stated how long to wait
        self._paused_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    @contextmanager
    def turn(self, deadline: Deadline) -> Iterator[Turn]:
        """Wait for a place until the deadline at most, and occupy it for one call.

        Raises:
            NoTimeLeftError: No place will be free before the deadline.
        """
        while (wait := self._wait()) > 0:
            if not deadline.allows(wait):
                raise self._no_time(wait)
            time.sleep(wait)
        turn = Turn()
        try:
            yield turn
        finally:
            self._leave(turn)

    def _no_time(self, wait: float) -> NoTimeLeftError:
        if self._is_pause_stated:
            return NoTimeLeftError(
                f"Azure accepts the next call only after {ceil(wait)} seconds, which is later than the deadline.",
                retry_after=wait,
            )
        return NoTimeLeftError("The deadline came before the rate limit allowed one more call.")

    def _wait(self) -> float:
        """Take a place and return 0, or return the seconds to wait before the next attempt."""
        with self._lock:
            now = time.monotonic()
            self._forget(now)
            if now < self._not_before:
                return self._not_before - now
            if self._is_busy and self._under_way:
                return LOOK_AGAIN_SECONDS
            if len(self._accepted) + self._under_way >= int(self._allowed):
                if not self._accepted:
                    return LOOK_AGAIN_SECONDS
                return max(self._accepted[0] + self._window - now, SHORTEST_WAIT_SECONDS)
            self._under_way += 1
            return 0

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            now = time.monotonic()
            self._under_way -= 1
            if not turn.refused:
                self._accepted.append(now)
                self._allowed = min(float(self._most), self._allowed + GROWTH)
                if turn.began >= self._paused_at:
                    self._is_busy, self._is_pause_stated, self._pause = False, False, FIRST_PAUSE_SECONDS
            elif turn.began >= self._paused_at:  # otherwise it was sent before another refusal was known
                self._forget(now)
                self._allowed = max(1.0, float(len(self._accepted)), self._allowed / 2)
                self._is_busy = True
                self._not_before = now + (turn.retry_after or self._pause)
                self._is_pause_stated = turn.retry_after > 0
                self._paused_at = now
                self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _forget(self, now: float) -> None:
        while self._accepted and self._accepted[0] <= now - self._window:
            self._accepted.popleft()
