"""Limit an action to once a minute for each key, within bounded memory."""

import threading
import time
from collections.abc import Hashable
from typing import Final

SPAN_SECONDS: Final = 60.0
MOST: Final = 500  # different keys in a minute, so that many strangers can't fill a table


class OnceAMinute:
    """The keys seen within the last minute. Beyond `most` different keys in a minute, further ones are left out."""

    def __init__(self, *, span_seconds: float = SPAN_SECONDS, most: int = MOST) -> None:
        self._span_seconds = span_seconds
        self._most = most
        self._lock = threading.Lock()
        self._until: dict[Hashable, float] = {}  # the first to expire comes first
        self._left_out = 0

    def is_new(self, who: Hashable) -> bool:
        """Count a key, and return whether it is new within the last minute."""
        return self.counted(who) is not None

    def counted(self, who: Hashable) -> int | None:
        """Count a key. Return how many were left out since the last new key, or None if this one is left out, too."""
        now = time.monotonic()
        with self._lock:
            while self._until and next(iter(self._until.values())) <= now:
                del self._until[next(iter(self._until))]
            if who in self._until or len(self._until) >= self._most:
                self._left_out += 1
                return None
            self._until[who] = now + self._span_seconds
            left_out, self._left_out = self._left_out, 0
            return left_out
