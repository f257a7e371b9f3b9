"""One SDK is loaded at a time.

A package imports its parts, and a part its package: of two threads that begin at different ends, each holds what the
other waits for, and Python ends it with an error. So whoever loads a part of an SDK on first use holds this lock.
"""

import threading
import time
from types import TracebackType
from typing import Final


class LoadingLock:
    """A reentrant lock that knows for how long it was owned, so that loading is not mistaken for a slow Azure."""

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
            self._since = now  # before the depth changes, so that `seconds` never falls short
        self._depth -= 1
        self._lock.release()

    def seconds(self) -> float:
        """Return for how many seconds the lock was owned since the process began. It is read without the lock."""
        now = time.monotonic()
        return self._seconds + (now - self._since if self._depth else 0.0)


LOADING: Final = LoadingLock()
