"""Schedules return the same times as the host's timer."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.host.schedule import is_monitored, parse

MONDAY_NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
CASES = [
    ("0 0 0 * * 0", datetime(2026, 6, 7, tzinfo=UTC)),
    ("0 0 0 * * Sun", datetime(2026, 6, 7, tzinfo=UTC)),
    ("30 */5 * * * *", MONDAY_NOON + timedelta(seconds=30)),
    ("*/5 * * * *", MONDAY_NOON + timedelta(minutes=5)),
    ("* * * * * *", MONDAY_NOON + timedelta(seconds=1)),
    # Both day and day of week must match: the first Sunday that is a 14th.
    ("0 0 0 14 * 0", datetime(2026, 6, 14, tzinfo=UTC)),
    ("1.02:03:04", MONDAY_NOON + timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ("%EVERY%", MONDAY_NOON + timedelta(hours=1)),
]


@pytest.mark.parametrize(("expression", "following"), CASES)
def test_next_time_is_that_of_the_host(expression: str, following: datetime) -> None:
    assert parse(expression, {"EVERY": "01:00:00"}).next_after(MONDAY_NOON) == following


@pytest.mark.parametrize(("expression", "monitored"), [("* * * * * *", False), ("0 * * * * *", True)])
def test_schedule_is_monitored_when_it_runs_at_most_once_a_minute(expression: str, monitored: bool) -> None:
    assert is_monitored(parse(expression, {}), MONDAY_NOON) is monitored
