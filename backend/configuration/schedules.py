"""When a timer starts: NCRONTAB as the Functions host reads it, and its meaning in words. Pure.

This parser is stricter than the host: a schedule that it accepts starts the timer on every plan. The host also accepts
a time span on some plans, and the first one or two letters of a name, which is rarely intended.
"""

import re
from typing import Final, Self

import msgspec

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month
# The fields of NCRONTAB: the lowest and the highest number, and the names of the numbers. A name is full, or its first
# three letters.
_FIELDS: Final[tuple[tuple[int, int, tuple[str, ...]], ...]] = (
    (0, 59, ()),
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
FIELDS_WITHOUT_SECONDS: Final = 5


class Schedule(msgspec.Struct, frozen=True):
    """The numbers of each field. A day must match all of `days`, `months` and `weekdays`. 0 is Sunday."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return the schedule of a text, or None if the host rejects it on any plan or if no day matches."""
        fields = [field for field in text.split(" ") if field]  # the host splits only at spaces
        if len(fields) == FIELDS_WITHOUT_SECONDS:
            fields = ["0", *fields]
        if len(fields) != len(_FIELDS):
            return None
        numbers = [_numbers(field, *kind) for field, kind in zip(fields, _FIELDS, strict=True)]
        *_, days, months, _ = numbers
        if not all(numbers) or min(days) > max(_LONGEST[month - 1] for month in months):
            return None
        return cls(*numbers)

    def in_words(self) -> str:
        """Return when it starts a timer, such as "00:00 every Sunday"."""
        return f"{self._times_in_words()} {self._days_in_words()}"

    def _times_in_words(self) -> str:
        if len(self.seconds) == len(self.minutes) == 1:
            (second,), (minute,) = self.seconds, self.minutes
            end = f":{minute:02}" + (f":{second:02}" if second else "")
            if len(self.hours) == _count(2):
                return f"every hour at xx{end}"
            return _listed([f"{hour:02}{end}" for hour in sorted(self.hours)])
        parts = [
            _part(numbers, _count(index), noun)
            for index, (numbers, noun) in enumerate(
                ((self.seconds, "second"), (self.minutes, "minute"), (self.hours, "hour"))
            )
        ]
        return ", ".join(part for part in parts if part != "second 0")

    def _days_in_words(self) -> str:
        named = _listed([_MONTHS[number - 1] for number in sorted(self.months)])
        months = "" if len(self.months) == _count(4) else f" of {named}"
        is_each_weekday = len(self.weekdays) == _count(5)
        weekdays = _listed([_DAYS[number] for number in sorted(self.weekdays)])
        if len(self.days) == _count(3):
            return f"every {'day' if is_each_weekday else weekdays}{months}"
        days = _listed([str(number) for number in sorted(self.days)])
        days = f"on day {days}{months or ' of the month'}"
        return days if is_each_weekday else f"{days}, if that is a {weekdays.replace(' and ', ' or ')}"


def _count(field: int) -> int:
    """Return the maximum number of values of a field."""
    low, high, _ = _FIELDS[field]
    return high - low + 1


def _part(numbers: frozenset[int], most: int, noun: str) -> str:
    if len(numbers) == most:
        return f"every {noun}"
    return f"{noun} {_listed([str(number) for number in sorted(numbers)])}"


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _numbers(field: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers of one field: a list of values, ranges and steps, such as `1-5,*/10`. Empty if invalid."""
    numbers: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]{0,2}", step):
            return frozenset()
        first, dash, last = span.partition("-")
        if span == "*":
            ends = [low, high]
        else:
            ends = [_number(value, low, names) for value in ([first, last] if dash else [first])]
        if not all(low <= end <= high for end in ends):
            return frozenset()
        # A value with a step extends to the highest number, and NCRONTAB swaps the bounds of a reversed range.
        most = high if slash and len(ends) == 1 else max(ends)
        numbers.update(range(min(ends), most + 1, int(step or 1)))
    return frozenset(numbers)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    """Return the number of a value, which can be a name, or -1 if it is not valid."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    lower = text.lower()
    found = [low + index for index, name in enumerate(names) if lower in (name.lower(), name[:3].lower())]
    return found[0] if found else -1
