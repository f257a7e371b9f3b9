"""When CIPP looks for an update of itself, by its table ContainerUpdateSettings. Pure.

At each full hour in UTC, CIPP decides by three rules whether to look. If the version differs then, CIPP restarts.
Source: `Start-ContainerUpdateCheck` of CIPP 10.8.5, as the public contract describes it. Never run against a real CIPP.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from backend.readings import Json, text_of, unix_time_or_none

DEFAULT_HOUR: Final = 23
WINDOW: Final = timedelta(minutes=45)  # around the full hour of CheckTime
PART_OF_INTERVAL: Final = 0.9  # after this part of the interval, the next look is due
HORIZON: Final = timedelta(days=8)  # no rule waits longer, unless the last look lies in the future
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_HOURS_OF_A_DAY: Final = 24


@dataclass(frozen=True)
class UpdateSettings:
    """CIPP's settings of its updates. Without an `interval`, CIPP never looks. Without an `hour`, at any time."""

    updates_itself: bool = True
    interval: timedelta | None = _HOUR
    hour: int | None = DEFAULT_HOUR
    last_look: datetime | None = None


def settings_of(row: Json) -> UpdateSettings:
    """Return the settings of CIPP's row, {} if it has none. A missing column has CIPP's default."""
    return UpdateSettings(
        updates_itself=_text(row, "AutoUpdate", "true").lower() != "false",
        interval=_interval(_text(row, "CheckInterval", "1h")),
        hour=_hour(_text(row, "CheckTime", str(DEFAULT_HOUR))),
        last_look=_last_look(row.get("LastCheck")),
    )


def next_look(settings: UpdateSettings, zone: tzinfo, now: datetime) -> datetime | None:
    """Return the next full hour in UTC at which CIPP looks for an update, None if it never does."""
    if settings.interval is None:
        return None
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
    while moment <= now + HORIZON:
        if _is_due(settings.last_look, settings.interval, moment) and _is_in_window(
            settings.hour, moment.astimezone(zone)
        ):
            return moment
        moment += _HOUR
    return None


def _is_due(last_look: datetime | None, interval: timedelta, moment: datetime) -> bool:
    return last_look is None or moment - last_look >= PART_OF_INTERVAL * interval


def _is_in_window(hour: int | None, local: datetime) -> bool:
    """Return whether a local time is within 45 minutes of a full hour, also across midnight."""
    if hour is None:
        return True
    time_of_day = timedelta(hours=local.hour, minutes=local.minute)
    distance = abs(time_of_day - timedelta(hours=hour))
    return min(distance, _DAY - distance) <= WINDOW


def _text(row: Json, column: str, default: str) -> str:
    """Return a column's text. CIPP writes all columns as text, so another type is as good as missing, except a number.

    A column that is there but empty stays empty.
    """
    value = row.get(column)
    if isinstance(value, bool | int):
        return str(value)
    return default if not isinstance(value, str) else value.strip()


def _interval(text: str) -> timedelta | None:
    """Return the interval of a text such as `4h` or `1d`, None for `0`. An unknown text counts as CIPP's default."""
    found = re.fullmatch(r"([0-9]{1,3})([hd]?)", text.lower())
    if not found:
        return _HOUR
    length = int(found[1]) * (_DAY if found[2] == "d" else _HOUR)
    return length or None


def _hour(text: str) -> int | None:
    """Return the hour of a text, None for any time. Text that is not an hour counts as any time."""
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) and int(text) < _HOURS_OF_A_DAY else None


def _last_look(value: object) -> datetime | None:
    """Return the time of a number of seconds since 1970, which CIPP stores as text."""
    if isinstance(value, int | float):
        return unix_time_or_none(value)
    found = re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]+)?", text_of(value).strip())
    return unix_time_or_none(float(found[0])) if found else None
