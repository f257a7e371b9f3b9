"""A lock for loading SDKs, one at a time.

A package imports its parts, and a part imports its package. If two threads begin at different ends, each waits for the
other, and Python raises an error. So code that loads a part of an SDK on first use acquires this lock.
"""

import threading
import time
from types import TracebackType
from typing import Final


class LoadingLock:
    """A reentrant lock that measures how long it was owned, so that loading does not count as a slow Azure."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._since = 0.0
        self._seconds = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._depth == 0:
            self._since = time.monotonic()
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._depth == 1:
            now = time.monotonic()
            self._seconds += now - self._since
            self._since = now  # before the depth changes, so that `seconds` is never too small
        self._depth -= 1
        self._lock.release()

    def seconds(self) -> float:
        """Return how many seconds the lock was owned since the process started. This does not need the lock."""
        now = time.monotonic()
        return self._seconds + (now - self._since if self._depth else 0.0)


LOADING: Final = LoadingLock()
