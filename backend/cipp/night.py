"""The night of CIPP on a container, in its time zone: when its own jobs run, and when it reads its keys. Pure.

| from | until | what |
| --- | --- | --- |
| 45 minutes before CheckTime | an hour after CheckTime | CIPP looks for an update, and restarts if there is one |
| 00:00 | 00:35 | CIPP's weekly renewal, and at 00:30 the permissions check, which reads the keys |

CheckTime is 23 unless an admin changed it, so both parts together are 22:15 to 00:35. This is from CIPP's public
source, and was never run.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

DEFAULT_HOUR: Final = 23
BEFORE_CHECK: Final = timedelta(minutes=45)  # zones with a part of an hour check before or after the full hour
AFTER_CHECK: Final = timedelta(hours=1)  # 45 minutes, and a start that takes long
AFTER_MIDNIGHT: Final = timedelta(minutes=35)
READ: Final = timedelta(minutes=30)  # after midnight
ONE_DAY: Final = timedelta(days=1)
_STEPS: Final = 4  # parts that follow each other, with one to spare


@dataclass(frozen=True)
class UpdateTime:
    """When CIPP looks for an update of its own. `hour` is local, None if at no certain time or not at all."""

    hour: int | None = DEFAULT_HOUR


def pause_until(now: datetime, zone: tzinfo, update: UpdateTime) -> datetime | None:
    """Return until when CIPP's own jobs may run, in UTC, or None if now is outside of the parts of the night."""
    end = now
    for _ in range(_STEPS):  # pragma: no branch - the parts end sooner
        later = _end_of_part(end, zone, update)
        if later is None:
            break
        end = later
    return end.astimezone(UTC) if end > now else None


def next_read(now: datetime, zone: tzinfo) -> datetime:
    """Return when CIPP reads its keys next, in UTC: 00:30 of its zone. If daylight saving skips that, it is later."""
    today = now.astimezone(zone).date()
    return next(read for day in range(3) if (read := _at(today + day * ONE_DAY, READ, zone)) > now)


def _end_of_part(now: datetime, zone: tzinfo, update: UpdateTime) -> datetime | None:
    """Return the latest end of the parts that contain a time, or None."""
    today = now.astimezone(zone).date()
    ends = []
    for day in (today - ONE_DAY, today, today + ONE_DAY):
        parts = [(timedelta(), AFTER_MIDNIGHT)]
        if update.hour is not None:
            check = timedelta(hours=update.hour)
            parts.append((check - BEFORE_CHECK, check + AFTER_CHECK))
        spans = [(_at(day, begin, zone), _at(day, end, zone, fold=1)) for begin, end in parts]
        ends += [end for begin, end in spans if begin <= now < end]
    return max(ends, default=None)


def _at(day: date, time: timedelta, zone: tzinfo, *, fold: int = 0) -> datetime:
    """Return the instant in UTC at which a wall clock shows a time of a day.

    If daylight saving skips it, that is as long after the gap. If it repeats it, `fold` 1 means the second time.
    """
    wall = (datetime(day.year, day.month, day.day) + time).replace(tzinfo=zone)  # noqa: DTZ001 - of no zone yet
    return max(wall.replace(fold=one).astimezone(UTC) for one in {0, fold})
