"""The writes of this process, which make cached values stale: `Cached` loads again what began before the last one."""

import threading


class Writes:
    """The number of writes that have ended in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many writes have ended."""
        return self._count

    def note(self) -> None:
        """Count a write that has just ended, also one that failed, because it may have taken effect."""
        with self._lock:
            self._count += 1


WRITES = Writes()
