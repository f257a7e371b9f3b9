"""As fast as a limit allows and never faster."""

import threading
import time
from collections import deque


class Pace:
    """At most `most` in any `window_seconds`, over all threads; what is refused all the same makes all wait."""

    def __init__(self, most: int, window_seconds: float) -> None:
        self._most = most
        self._window = window_seconds
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._not_before = 0.0

    def take(self) -> None:
        """Wait for a place, and take it."""
        while (wait := self._wait()) > 0:
            time.sleep(wait)

    def slow_down(self, seconds: float) -> None:
        """Let nobody go on for a while: the far side is busier than we knew."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait(self) -> float:
        """Take a place and answer 0, or answer how long to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            while self._taken and self._taken[0] <= now - self._window:
                self._taken.popleft()
            if now < self._not_before:
                return self._not_before - now
            if len(self._taken) >= self._most:
                return self._taken[0] + self._window - now
            self._taken.append(now)
            return 0
