"""Which callers had a role when they called last, within bounded memory."""

import threading
import time
from collections.abc import Hashable
from typing import Final

LIFETIME_SECONDS: Final = 600.0
MOST: Final = 2_000  # callers. The one that called longest ago is forgotten first


class RoleHolders:
    """Callers whose last decision found a role. It gives them no role: it only spares them a seat (`seats`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[Hashable, float] = {}  # in the order of their last calls

    def __contains__(self, caller: Hashable) -> bool:
        """Return whether the caller had a role within `LIFETIME_SECONDS`."""
        with self._lock:
            return time.monotonic() < self._until.get(caller, 0.0)

    def note(self, caller: Hashable, *, has_role: bool) -> None:
        """Remember what the last decision found."""
        with self._lock:
            self._until.pop(caller, None)
            if has_role:
                self._until[caller] = time.monotonic() + LIFETIME_SECONDS
                if len(self._until) > MOST:
                    del self._until[next(iter(self._until))]
