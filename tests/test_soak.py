"""`make soak`: the table of start times, and the runner."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import soak
from tests.start_times import ORDINARY, STARTS, VARIABLE, start

LAST_HOUR = 23


def moments() -> list[datetime]:
    return [datetime.fromisoformat(text).astimezone(UTC) for text in STARTS.values()]


def test_start_times_hold_every_weekdays_last_hour() -> None:
    assert len(STARTS) == len(set(moments())) == 20
    assert {moment.weekday() for moment in moments() if moment.hour == LAST_HOUR} == set(range(7))


def test_start_times_hold_leap_day_years_end_and_both_sides_of_now() -> None:
    assert any((moment.month, moment.day) == (2, 29) for moment in moments())
    assert any((moment + timedelta(hours=1)).year > moment.year for moment in moments())
    assert min(moments()) < datetime(2020, 1, 1, tzinfo=UTC) < max(moments())


def test_start_is_the_variables_or_an_ordinary_wednesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert start() == ORDINARY
    assert datetime.fromisoformat(ORDINARY).weekday() == 2
    monkeypatch.setenv(VARIABLE, STARTS["a leap day"])
    assert start() == "2028-02-29T12:10:00Z"


@pytest.mark.parametrize(
    ("chosen", "code", "word"), [("test_the_waits_of_a_failing_key", 0, "passed"), ("no_such_test", 1, "FAILED")]
)
def test_soak_prints_a_line_per_start_and_returns_1_on_failure(
    capsys: pytest.CaptureFixture[str], chosen: str, code: int, word: str
) -> None:
    only = ["--", "-p", "no:cacheprovider", "-k", chosen]
    assert soak.main(["2027-01-02T23:30:00Z", *only]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{word}  2027-01-02T23:30:00Z")
    assert lines[-1] == f"{1 - code} of 1 start times passed."
