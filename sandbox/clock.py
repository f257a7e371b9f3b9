"""The sandbox's own time."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus what was advanced; it never stands still and never goes back."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Tell the sandbox's time, aware UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the time ahead."""
        self._ahead += timedelta(seconds=seconds)
