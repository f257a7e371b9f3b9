"""Timer schedules: NCRONTAB with six fields (or five, without seconds), or a TimeSpan. Times are UTC."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from croniter import CroniterError, croniter

WITH_SECONDS = 6
WITHOUT_SECONDS = 5
# The syntax that NCrontab accepts. croniter would accept more (L, #, ?, @daily, 7 for Sunday).
FIELD_LIMITS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
PART = re.compile(r"(?:\*|(?P<low>\d+|[A-Za-z]{3,9})(?:-(?P<high>\d+|[A-Za-z]{3,9}))?)(?:/(?P<step>[1-9]\d*))?")
# NCrontab also accepts full names, croniter only their first three letters.
FULL_NAME = re.compile(
    r"\b(jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)"
    r"(?:(?<=jan)uary|(?<=feb)ruary|(?<=mar)ch|(?<=apr)il|(?<=jun)e|(?<=jul)y|(?<=aug)ust|(?<=sep)tember|(?<=oct)ober"
    r"|(?<=nov|dec)ember|(?<=sun|mon|fri)day|(?<=tue)sday|(?<=wed)nesday|(?<=thu)rsday|(?<=sat)urday)\b",
    re.IGNORECASE,
)
TIME_SPAN = re.compile(r"(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d)(?:\.\d+)?)?")
SETTING = re.compile(r"%([^%]+)%")
MONITORED_FROM = timedelta(minutes=1)


class ScheduleError(ValueError):
    """The host refuses the schedule. The text states why."""


class Schedule(Protocol):
    """Calculates when a timer runs next."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment`."""


@dataclass(frozen=True)
class Cron:
    """A schedule by clock time."""

    expression: str

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment`. As in NCrontab, both the day and the day of week must match."""
        fields = self.expression.split()
        with_seconds = len(fields) == WITH_SECONDS
        times = croniter(self.expression, moment, second_at_beginning=with_seconds, day_or=False)
        following: datetime = times.get_next(datetime)
        return following


@dataclass(frozen=True)
class Every:
    """A schedule with an interval since the last run."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the time one interval later."""
        return moment + self.interval


def parse(expression: str, environ: Mapping[str, str]) -> Schedule:
    """Parse a schedule. %NAME% is replaced by an app setting.

    Raises:
        ScheduleError: The text is not NCRONTAB or a TimeSpan, or a setting is missing.
    """
    text = SETTING.sub(lambda name: _setting(name[1], environ), expression).strip()
    fields = text.split()
    if len(fields) in (WITH_SECONDS, WITHOUT_SECONDS):
        limits = FIELD_LIMITS[-len(fields) :]
        text = FULL_NAME.sub(r"\1", text)
        fields = text.split()
        if not all(_fits(field, low, high) for field, (low, high) in zip(fields, limits, strict=True)):
            raise ScheduleError(f'the schedule "{text}" is not NCRONTAB: a field is out of its range.')
        try:
            croniter(text, second_at_beginning=len(fields) == WITH_SECONDS, day_or=False)
        except (CroniterError, ValueError) as error:
            raise ScheduleError(f'the schedule "{text}" is not NCRONTAB: {error}.') from error
        return Cron(text)
    return Every(time_span(text))


def time_span(text: str) -> timedelta:
    """Parse a .NET TimeSpan: [days.]hours:minutes[:seconds].

    Raises:
        ScheduleError: The text is not a TimeSpan, or its length is zero.
    """
    span = TIME_SPAN.fullmatch(text)
    if span is None:
        raise ScheduleError(f'"{text}" is neither NCRONTAB (six or five fields) nor a TimeSpan.')
    days, hours, minutes, seconds = (int(part or 0) for part in span.groups())
    interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not interval:
        raise ScheduleError(f'the TimeSpan "{text}" must be longer than zero.')
    return interval


def is_monitored(schedule: Schedule, moment: datetime) -> bool:
    """Return whether the host stores the schedule's times: only if it runs at most once a minute."""
    first = schedule.next_after(moment)
    return schedule.next_after(first) - first >= MONITORED_FROM


def _setting(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ScheduleError(f'its schedule names the app setting "{name}", which is not set.')
    return environ[name]


def _fits(field: str, low: int, high: int) -> bool:
    for part in field.split(","):
        found = PART.fullmatch(part)
        if found is None:
            return False
        if any(word.isdigit() and not low <= int(word) <= high for word in (found["low"], found["high"]) if word):
            return False
    return True
