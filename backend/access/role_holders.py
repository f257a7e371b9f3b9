"""Callers that had a role in their last call, in bounded memory."""

import threading
import time
from collections.abc import Hashable
from typing import Final

LIFETIME_SECONDS: Final = 600.0
MOST: Final = 2_000  # callers. The one with the oldest call is removed first


class RoleHolders:
    """Callers with a role in their last decision. They don't get a role from this, but don't need a seat (`seats`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[Hashable, float] = {}  # in the order of their last calls

    def __contains__(self, caller: Hashable) -> bool:
        """Return whether the caller had a role within `LIFETIME_SECONDS`."""
        with self._lock:
            return time.monotonic() < self._until.get(caller, 0.0)

    def note(self, caller: Hashable, *, has_role: bool) -> None:
        """Remember the last decision."""
        with self._lock:
            self._until.pop(caller, None)
            if has_role:
                self._until[caller] = time.monotonic() + LIFETIME_SECONDS
                if len(self._until) > MOST:
                    del self._until[next(iter(self._until))]
