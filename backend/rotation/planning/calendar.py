"""Weeks in the deployment's time zone. Pure.

A week begins at the first instant of Sunday in the zone. If daylight saving skips midnight on that day, the first
instant is later. If it repeats midnight, the earlier one counts.
"""

from datetime import datetime, timedelta, tzinfo
from typing import Final

from backend.cipp.midnight import first_instant

ONE_DAY: Final = timedelta(days=1)
ONE_WEEK: Final = timedelta(days=7)


def week_start(now: datetime, zone: tzinfo) -> datetime:
    """Return the first instant of the last Sunday, in UTC."""
    today = now.astimezone(zone).date()
    return first_instant(today - (today.weekday() + 1) % 7 * ONE_DAY, zone)


def next_week_start(now: datetime, zone: tzinfo) -> datetime:
    """Return the first instant of the next Sunday, in UTC."""
    today = now.astimezone(zone).date()
    return first_instant(today + (7 - (today.weekday() + 1) % 7) * ONE_DAY, zone)


def due_before(now: datetime, zone: tzinfo, max_age_days: int = 7) -> datetime:
    """Return the time before which a key must have been created to be due.

    `max_age_days` is rounded to weeks: 7 is every Sunday, 28 every fourth Sunday.
    """
    weeks = max(1, round(max_age_days / 7))
    sunday = week_start(now, zone).astimezone(zone).date()
    return first_instant(sunday - (weeks - 1) * ONE_WEEK, zone)
