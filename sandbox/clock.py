"""The sandbox's own time."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class _Segment:
    """From `real` on, the sandbox's time is `shown` plus the time since then, at the clock's rate."""

    real: datetime
    shown: datetime


class Clock:
    """A time that starts where a test wants it, runs at a rate, and can be moved ahead.

    The segments since the start stay, so that the time of a past moment can be looked up: Azurite stamps rows with
    this machine's time, and the clock may have been moved since.
    """

    def __init__(self, start: datetime | None = None, rate: float = 1.0) -> None:
        """Start now, at `start` (default: this machine's time), running `rate` times as fast as real time."""
        real = datetime.now(UTC)
        self._rate = rate
        self._segments = [_Segment(real, start or real)]

    def now(self) -> datetime:
        """Return the sandbox's time, aware UTC."""
        return self._in(self._segments[-1], datetime.now(UTC))

    def at(self, real: datetime) -> datetime:
        """Return the sandbox's time at a moment of this machine's. Before the start, the first segment counts."""
        began = bisect_right(self._segments, real, key=lambda segment: segment.real)
        return self._in(self._segments[max(0, began - 1)], real)

    def advance(self, seconds: float) -> None:
        """Move the time ahead."""
        real = datetime.now(UTC)
        shown = self._in(self._segments[-1], real) + timedelta(seconds=seconds)
        self._segments.append(_Segment(real, shown))

    def _in(self, segment: _Segment, real: datetime) -> datetime:
        return segment.shown + (real - segment.real) * self._rate
