"""The number of calls that a vault accepts in ten seconds."""

import time
from collections import deque
from typing import Final

OTHER_CALLS: Final = 4_000  # Key Vault service limits. The limit of writes is an option.
_WINDOW_SECONDS: Final = 10.0


class Throttle:
    """Counts the calls of the last ten seconds of real time. A refused call does not count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Count one call. Return False if the limit is reached."""
        now = time.monotonic()
        while self._taken and now - self._taken[0] >= _WINDOW_SECONDS:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now)
        return True
