"""The times of CIPP's timers, in UTC."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NIGHTLY: Final = time(0, 30)  # the check of permissions, at which CIPP reads its keys
WEEKLY: Final = time(0, 0)  # on Sunday
_QUARTER: Final = timedelta(minutes=15)
_SUNDAY: Final = 6


def zone_of(name: str) -> tzinfo:
    """Return the time zone of CIPP's table Config. An unknown name is UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def next_nightly(after: datetime, zone: tzinfo) -> datetime:
    """Return the first nightly check after a time."""
    return _next(after, zone, NIGHTLY, timedelta(days=1))


def last_nightly(before: datetime, zone: tzinfo) -> datetime:
    """Return the last nightly check at or before a time."""
    then = before - timedelta(days=2)
    while (following := next_nightly(then, zone)) <= before:
        then = following
    return then


def next_weekly(after: datetime, zone: tzinfo) -> datetime:
    """Return the first weekly run after a time."""
    day = after.astimezone(zone).date()
    return _next(after, zone, WEEKLY, timedelta(days=7), days=(_SUNDAY - day.weekday()) % 7)


def next_hour(after: datetime) -> datetime:
    """Return the first full hour after a time."""
    return after.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def last_check(before: datetime) -> datetime:
    """Return the last time at which a container checked for updates by default: at 23:00 UTC."""
    return before.replace(hour=23, minute=0, second=0, microsecond=0) - timedelta(days=1)


def quarter(at: datetime) -> datetime:
    """Return the quarter of an hour in which a time is. In every zone, a timer of CIPP fires at the start of one."""
    return at.astimezone(UTC) - (at.astimezone(UTC) - datetime.min.replace(tzinfo=UTC)) % _QUARTER


def _next(after: datetime, zone: tzinfo, at: time, every: timedelta, days: int = 0) -> datetime:
    day = after.astimezone(zone).date() + timedelta(days=days)
    while True:
        moment = datetime.combine(day, at, zone).astimezone(UTC)
        if moment > after:
            return moment
        day += every
