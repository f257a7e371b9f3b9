"""As fast as a limit allows and never faster."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from backend.errors import BackendError

FIRST_PAUSE_SECONDS: Final = 1.0  # then twice as long after each refusal in a row, as Key Vault's guidance has it
LONGEST_PAUSE_SECONDS: Final = 4.0  # a vault's window is 10 s
GROWTH: Final = 0.25  # of a place for each call that was taken: a quarter more in each window
SHORTEST_WAIT_SECONDS: Final = 0.001  # 0 would mean that there is a place
LOOK_AGAIN_SECONDS: Final = 0.05  # while it depends on calls that were not answered yet


class NoTimeLeftError(BackendError):
    """The time was over before there was a place; nothing was sent."""


@dataclass
class Turn:
    """One call's place."""

    began: float = field(default_factory=time.monotonic)
    refused: bool = False
    retry_after: float = 0

    def refuse(self, retry_after: float) -> None:
        """Note that the far side was too busy; `retry_after` 0 is: it did not say for how long."""
        self.refused, self.retry_after = True, retry_after


class Pace:
    """At most `most` calls in any `window_seconds`, over all threads.

    A place is held from before the call until a window after its answer. The far side counts the call somewhere
    in between, so none of its windows holds more than `most`. One that refuses all the same has less to give, since
    others use it too: after a pause one call tries it, then half as many go as before, but not less than it took in
    the last window; and then more, little by little.
    """

    def __init__(self, most: int, window_seconds: float) -> None:
        self._most: Final = most
        self._window: Final = window_seconds
        self._lock = threading.Lock()
        self._allowed = float(most)
        self._under_way = 0
        self._answered: deque[float] = deque()
        self._not_before = 0.0
        self._is_busy = False  # it has refused, and taken nothing since: one at a time
        self._paused_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    @contextmanager
    def turn(self, until: float) -> Iterator[Turn]:
        """Wait for a place and hold it for one call; by the monotonic clock not longer than `until`.

        Raises:
            NoTimeLeftError: There is none before `until`.
        """
        while (wait := self._wait()) > 0:
            if time.monotonic() + wait > until:
                raise NoTimeLeftError("The time was over before there was room for one more call.")
            time.sleep(wait)
        turn = Turn()
        try:
            yield turn
        finally:
            self._leave(turn)

    def _wait(self) -> float:
        """Take a place and answer 0, or answer how long to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            self._forget(now)
            if now < self._not_before:
                return self._not_before - now
            if self._is_busy and self._under_way:
                return LOOK_AGAIN_SECONDS
            if len(self._answered) + self._under_way >= int(self._allowed):
                if not self._answered:
                    return LOOK_AGAIN_SECONDS
                return max(self._answered[0] + self._window - now, SHORTEST_WAIT_SECONDS)
            self._under_way += 1
            return 0

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            now = time.monotonic()
            self._under_way -= 1
            if not turn.refused:
                self._answered.append(now)
                self._allowed = min(float(self._most), self._allowed + GROWTH)
                if turn.began >= self._paused_at:
                    self._is_busy, self._pause = False, FIRST_PAUSE_SECONDS
            elif turn.began >= self._paused_at:  # else it was sent before the others' refusal was known
                self._forget(now)
                self._allowed = max(1.0, float(len(self._answered)), self._allowed / 2)
                self._is_busy = True
                self._not_before = now + (turn.retry_after or self._pause)
                self._paused_at = now
                self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] <= now - self._window:
            self._answered.popleft()
