"""The whole story of the weeks, as tables of cases: zones, both changes of the clocks, late starts, several weeks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.rotation.planning.calendar import due_before, next_week_start, week_start

ONE_SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# A Sunday's first instant in each zone, in UTC, and the Sundays before and after it.
SUNDAYS = [
    pytest.param("UTC", "2026-08-02 00:00", "2026-07-26 00:00", "2026-08-09 00:00", id="UTC"),
    pytest.param("Etc/GMT+11", "2026-08-02 11:00", "2026-07-26 11:00", "2026-08-09 11:00", id="UTC-11"),
    pytest.param("Pacific/Pago_Pago", "2026-08-02 11:00", "2026-07-26 11:00", "2026-08-09 11:00", id="Samoa"),
    pytest.param("Pacific/Kiritimati", "2026-08-01 10:00", "2026-07-25 10:00", "2026-08-08 10:00", id="UTC+14"),
    pytest.param("Asia/Kathmandu", "2026-08-01 18:15", "2026-07-25 18:15", "2026-08-08 18:15", id="UTC+5:45"),
    # the clocks go forward during the Sunday: its week has 167 hours
    pytest.param("Europe/Amsterdam", "2026-03-28 23:00", "2026-03-21 23:00", "2026-04-04 22:00", id="spring"),
    pytest.param("Europe/Amsterdam", "2026-04-04 22:00", "2026-03-28 23:00", "2026-04-11 22:00", id="after spring"),
    # they go back during the Sunday: its week has 169 hours
    pytest.param("Europe/Amsterdam", "2026-10-24 22:00", "2026-10-17 22:00", "2026-10-31 23:00", id="autumn"),
    pytest.param("Europe/Amsterdam", "2026-10-31 23:00", "2026-10-24 22:00", "2026-11-07 23:00", id="after autumn"),
    pytest.param("America/New_York", "2026-03-08 05:00", "2026-03-01 05:00", "2026-03-15 04:00", id="New York"),
    pytest.param("Australia/Lord_Howe", "2026-04-04 13:00", "2026-03-28 13:00", "2026-04-11 13:30", id="half an hour"),
    # midnight of the Sunday is skipped: the day begins at one
    pytest.param("America/Havana", "2026-03-08 05:00", "2026-03-01 05:00", "2026-03-15 04:00", id="Havana, skipped"),
    pytest.param("Atlantic/Azores", "2026-03-29 01:00", "2026-03-22 01:00", "2026-04-05 00:00", id="Azores, skipped"),
    pytest.param("Asia/Beirut", "2026-03-28 22:00", "2026-03-21 22:00", "2026-04-04 21:00", id="Beirut, skipped"),
    pytest.param(
        "America/Santiago", "2026-09-06 04:00", "2026-08-30 04:00", "2026-09-13 03:00", id="Santiago, skipped"
    ),
    # it comes twice: the first one counts
    pytest.param("America/Havana", "2026-11-01 04:00", "2026-10-25 04:00", "2026-11-08 05:00", id="Havana, twice"),
    pytest.param("Atlantic/Azores", "2026-10-25 00:00", "2026-10-18 00:00", "2026-11-01 01:00", id="Azores, twice"),
    # the last hour of the Saturday comes twice: Sunday begins after the second
    pytest.param("Asia/Beirut", "2026-10-24 22:00", "2026-10-17 21:00", "2026-10-31 22:00", id="Beirut, twice"),
    pytest.param("America/Santiago", "2026-04-05 04:00", "2026-03-29 03:00", "2026-04-12 04:00", id="Chile, twice"),
]


@pytest.mark.parametrize(("zone", "sunday", "before", "after"), SUNDAYS)
def test_a_week_begins_at_the_first_instant_of_sunday_in_the_zone(
    zone: str, sunday: str, before: str, after: str
) -> None:
    there, first = ZoneInfo(zone), at(sunday)
    assert week_start(first, there) == first
    assert week_start(first - ONE_SECOND, there) == at(before)
    assert next_week_start(first - ONE_SECOND, there) == first
    assert next_week_start(first, there) == at(after)
    assert week_start(at(after) - ONE_SECOND, there) == first
    assert first.astimezone(there).weekday() == 6
    assert (first - ONE_SECOND).astimezone(there).weekday() == 5


@pytest.mark.parametrize(("zone", "sunday", "before", "after"), SUNDAYS)
@pytest.mark.parametrize("late", [timedelta(minutes=20), timedelta(hours=1), timedelta(hours=5), timedelta(days=3)])
def test_a_late_start_belongs_to_the_same_week(
    zone: str, sunday: str, before: str, after: str, late: timedelta
) -> None:
    del before
    there, now = ZoneInfo(zone), at(sunday) + late
    assert week_start(now, there) == at(sunday)
    assert next_week_start(now, there) == at(after)
    assert due_before(now, there) == at(sunday)


@pytest.mark.parametrize(
    ("now", "max_age_days", "expected"),
    [
        ("2026-08-02 00:00", 7, "2026-08-02 00:00"),
        ("2026-08-08 23:59", 7, "2026-08-02 00:00"),
        ("2026-08-02 00:00", 14, "2026-07-26 00:00"),
        ("2026-08-02 00:00", 28, "2026-07-12 00:00"),
        ("2026-08-08 23:59", 28, "2026-07-12 00:00"),
        ("2026-08-09 00:00", 28, "2026-07-19 00:00"),
        # less than a week is every Sunday, and other numbers of days are rounded to weeks
        ("2026-08-02 00:00", 1, "2026-08-02 00:00"),
        ("2026-08-02 00:00", 10, "2026-08-02 00:00"),
        ("2026-08-02 00:00", 11, "2026-07-26 00:00"),
        ("2026-08-02 00:00", 30, "2026-07-12 00:00"),
    ],
)
def test_the_longest_age_counts_in_weeks_starts(now: str, max_age_days: int, expected: str) -> None:
    assert due_before(at(now), UTC, max_age_days) == at(expected)


def test_28_days_are_every_fourth_sunday_even_if_runs_were_late() -> None:
    made, renewed = at("2026-01-04 00:20"), []
    for hour in range(24 * 7 * 20):
        now = at("2026-01-04 00:20") + timedelta(hours=hour + hour % 3 / 10)
        if made < due_before(now, UTC, 28):
            made = now
            renewed.append(now.date())
    assert [str(day) for day in renewed] == ["2026-02-01", "2026-03-01", "2026-03-29", "2026-04-26"]


def test_weeks_are_calendar_weeks_when_the_clocks_change() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    assert due_before(at("2026-04-04 22:00"), amsterdam, 14) == at("2026-03-28 23:00")
    assert due_before(at("2026-10-31 23:00"), amsterdam, 14) == at("2026-10-24 22:00")
