"""The sandbox's own time."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class _Segment:
    """Since the real time `real`, the sandbox's time is `shown` plus the elapsed time at the clock's rate."""

    real: datetime
    shown: datetime


class Clock:
    """A clock that starts at a chosen time, runs at a rate, and can be advanced.

    The segments since the start are kept, so that the sandbox's time at an earlier moment can be calculated. Azurite
    stamps rows with this machine's time, and the clock may have been advanced since.
    """

    def __init__(self, start: datetime | None = None, rate: float = 1.0) -> None:
        """Start now, at `start` (default: this machine's time), and run `rate` times as fast as real time."""
        real = datetime.now(UTC)
        self._rate = rate
        self._segments = [_Segment(real, start or real)]
        self._pins: dict[datetime, datetime] = {}

    def now(self) -> datetime:
        """Return the sandbox's time as an aware UTC time."""
        return self._in(self._segments[-1], datetime.now(UTC))

    def at(self, real: datetime) -> datetime:
        """Return the sandbox's time at a time of this machine. Before the start, the first segment applies."""
        if real in self._pins:
            return self._pins[real]
        began = bisect_right(self._segments, real, key=lambda segment: segment.real)
        return self._in(self._segments[max(0, began - 1)], real)

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        real = datetime.now(UTC)
        shown = self._in(self._segments[-1], real) + timedelta(seconds=seconds)
        self._segments.append(_Segment(real, shown))

    def pin(self, real: datetime, shown: datetime) -> None:
        """Let a time of this machine mean another time: when the sandbox wrote a row, and when CIPP would have."""
        self._pins[real] = shown

    def _in(self, segment: _Segment, real: datetime) -> datetime:
        return segment.shown + (real - segment.real) * self._rate


class StoppedClock(Clock):
    """A clock that shows one time."""

    def __init__(self, shown: datetime) -> None:
        super().__init__(shown)
        self._shown = shown

    def now(self) -> datetime:
        """Return the time that it shows."""
        return self._shown
