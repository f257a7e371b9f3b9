"""`make soak`: the table of start times and the runner."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import soak
from tests.support.start_times import ORDINARY, STARTS, VARIABLE, start

LAST_HOUR = 23


def moments() -> list[datetime]:
    return [datetime.fromisoformat(text).astimezone(UTC) for text in STARTS.values()]


def test_start_times_include_the_last_hour_of_every_weekday() -> None:
    assert len(STARTS) == len(set(moments())) == 20
    assert {moment.weekday() for moment in moments() if moment.hour == LAST_HOUR} == set(range(7))


def test_start_times_include_leap_day_year_end_past_and_future() -> None:
    assert any((moment.month, moment.day) == (2, 29) for moment in moments())
    assert any((moment + timedelta(hours=1)).year > moment.year for moment in moments())
    assert min(moments()) < datetime(2020, 1, 1, tzinfo=UTC) < max(moments())


def test_start_is_from_the_variable_or_an_ordinary_wednesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert start() == ORDINARY
    assert datetime.fromisoformat(ORDINARY).weekday() == 2
    monkeypatch.setenv(VARIABLE, STARTS["a leap day"])
    assert start() == "2028-02-29T12:10:00Z"


@pytest.mark.parametrize(
    ("chosen", "code", "word"), [("test_waits_of_a_failing_key", 0, "passed"), ("no_such_test", 1, "FAILED")]
)
def test_soak_prints_a_line_per_start_and_returns_1_on_failure(
    capsys: pytest.CaptureFixture[str], chosen: str, code: int, word: str
) -> None:
    only = ["--", "-p", "no:cacheprovider", "-k", chosen]
    assert soak.main(["2027-01-02T23:30:00Z", *only]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{word}  2027-01-02T23:30:00Z")
    assert lines[-1] == f"{1 - code} of 1 start times passed."
