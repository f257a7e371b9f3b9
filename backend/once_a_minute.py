"""What is done once a minute for each of many, within bounded memory."""

import threading
import time
from collections.abc import Hashable
from typing import Final

SPAN_SECONDS: Final = 60.0
MOST: Final = 500  # different ones in a minute; strangers must not fill a table by being many


class OnceAMinute:
    """Those that are new within the last minute. Beyond `most` different ones in a minute the rest is left out."""

    def __init__(self, *, span_seconds: float = SPAN_SECONDS, most: int = MOST) -> None:
        self._span_seconds = span_seconds
        self._most = most
        self._lock = threading.Lock()
        self._until: dict[Hashable, float] = {}  # the first to end comes first
        self._left_out = 0

    def is_new(self, who: Hashable) -> bool:
        """Count this one, and return whether it was not counted within the last minute."""
        return self.counted(who) is not None

    def counted(self, who: Hashable) -> int | None:
        """Count this one, and return how many were left out since the last new one, or None if it is left out, too."""
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
