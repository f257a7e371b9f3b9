"""When: weeks and quiet hours in the deployment's zone. Pure.

A week begins at the first instant of Sunday in the zone. Where daylight saving skips midnight on that day,
the first instant is later; where it repeats it, the earlier one counts.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

ONE_DAY: Final = timedelta(days=1)
ONE_WEEK: Final = timedelta(days=7)
ONE_MINUTE: Final = timedelta(minutes=1)
QUIET: Final = timedelta(minutes=30)  # CIPP's own timers run at 00:00 and a little after: no restart then


def week_start(now: datetime, zone: tzinfo) -> datetime:
    """Answer the first instant of the last Sunday, in UTC."""
    today = now.astimezone(zone).date()
    return _first_instant(today - (today.weekday() + 1) % 7 * ONE_DAY, zone)


def next_week_start(now: datetime, zone: tzinfo) -> datetime:
    """Answer the first instant of the next Sunday, in UTC."""
    today = now.astimezone(zone).date()
    return _first_instant(today + (7 - (today.weekday() + 1) % 7) * ONE_DAY, zone)


def due_before(now: datetime, zone: tzinfo, max_age_days: int = 7) -> datetime:
    """Answer the moment before which a key must have been made to be due.

    `max_age_days` counts in weeks' starts: 7 is every Sunday, 28 every fourth.
    """
    weeks = max(1, round(max_age_days / 7))
    sunday = week_start(now, zone).astimezone(zone).date()
    return _first_instant(sunday - (weeks - 1) * ONE_WEEK, zone)


def is_quiet(now: datetime, zone: tzinfo) -> bool:
    """Tell whether CIPP's own timers may be at work: 00:00 to 00:30 of its zone, or the day's first half hour."""
    local = now.astimezone(zone)
    is_young = now - _first_instant(local.date(), zone) < QUIET
    return is_young or (local.hour == 0 and local.minute < QUIET // ONE_MINUTE)


def _first_instant(day: date, zone: tzinfo) -> datetime:
    """Answer the first instant of a day, in UTC.

    `fold=0` means the earlier of two midnights; in a gap it counts by the offset from before the gap, and that
    is the instant at which the clocks jump over midnight.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).astimezone(UTC)
