"""Midnight in CIPP's time zone, when CIPP's own timers run. Pure."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

ONE_MINUTE: Final = timedelta(minutes=1)
QUIET: Final = timedelta(minutes=30)  # CIPP's own timers run from 00:00, so no restarts in this time


def is_quiet(now: datetime, zone: tzinfo) -> bool:
    """Return whether CIPP's own timers might run: 00:00 to 00:30 in its zone, or the first half hour of a day."""
    local = now.astimezone(zone)
    is_young = now - first_instant(local.date(), zone) < QUIET
    return is_young or (local.hour == 0 and local.minute < QUIET // ONE_MINUTE)


def first_instant(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day, in UTC.

    `fold=0` means the earlier of two midnights. In a gap, it uses the offset from before the gap, which results in the
    instant when the clocks skip midnight.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).astimezone(UTC)
