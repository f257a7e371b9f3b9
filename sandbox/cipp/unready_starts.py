"""The guard of a container against a loop of starts.

After three starts in 30 minutes that ended before the container was ready, the next one opens no port, so that the
platform moves the instance. Here it stays dark until it is started later.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandbox.cipp.process import Process

_WINDOW: Final = timedelta(minutes=30)
_MOST: Final = 3


@dataclass
class UnreadyStarts:
    """The starts of each site since it was last ready."""

    _starts: dict[str, list[datetime]] = field(default_factory=dict)

    def ended(self, process: "Process", at: datetime) -> None:
        """Note that a process ended."""
        if process.can_start and process.responds <= at:
            self._starts.pop(process.site, None)
        else:
            self._starts.setdefault(process.site, []).append(process.started)

    def is_quiet(self, process: "Process") -> bool:
        """Return whether a process that starts now opens no port."""
        starts = self._starts.get(process.site, [])
        return len([start for start in starts if start > process.started - _WINDOW]) >= _MOST
