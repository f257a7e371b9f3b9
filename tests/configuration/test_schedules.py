"""KEY_ROTATION_SCHEDULE: whatever this app accepts, the host accepts, too, so that the weekly rotation runs."""

from datetime import UTC, datetime

import pytest
from croniter import CroniterBadDateError
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.configuration.kinds import is_schedule
from backend.configuration.schedules import Schedule
from sandbox.host.schedule import ScheduleError, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["sun", "Monday", "WED", "thurs", "jan", "May", "June", "sept", "december", "monster", "janitors", "sund", "ma"]
VALUES = st.one_of(st.integers(0, 62).map(str), st.sampled_from([*NAMES, "00", "07", "-1", "7", "", "L", "?", "#2"]))
SPANS = st.one_of(st.just("*"), VALUES, st.tuples(VALUES, VALUES).map("-".join))
PARTS = st.one_of(SPANS, st.tuples(SPANS, VALUES).map("/".join))
FIELDS = st.lists(PARTS, min_size=1, max_size=3).map(",".join)
LIKELY = st.one_of(st.sampled_from(["*", "0", "1", "sun", "1-5", "*/2", "5/40"]), FIELDS)
CRONS = st.lists(LIKELY, min_size=4, max_size=7).map(" ".join)
SPANS_OF_TIME = st.lists(st.integers(0, 99).map("{:02}".format), min_size=1, max_size=4).map(":".join)


@settings(max_examples=1_500, deadline=None)
@given(st.one_of(CRONS, CRONS, SPANS_OF_TIME, st.text(" *0123456789,-/:.sun", max_size=20)))
def test_schedule_that_is_accepted_has_a_next_time_on_the_host(text: str) -> None:
    if is_schedule(text):
        assert parse(text, {}).next_after(NOW) > NOW


@pytest.mark.parametrize(
    "text",
    [
        *("0 0 0 * * 0", "0 0 * * 0", "  0 0  0 * * 0 ", "0 0 0 * * sun", "0 0 0 * * SUNDAY", "0 0 0 1 jan *"),
        *("0 0 0 1 September-december *", "*/5 0-59/10 0,12 1-31 1-12 mon-Friday", "0 0 0 29 2 *", "59 59 23 31 12 6"),
    ],
)
def test_schedule_of_ncrontab_is_accepted_as_the_host_does(text: str) -> None:
    assert is_schedule(text)
    assert parse(text, {}).next_after(NOW) > NOW


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0 0 0 * * monster",
            "0 0 0 * janitors *",
            "0 0 0 * * sund",
            "0 0 0 * * su",
            "0 0 0 * mon *",
            "0 mon 0 * * *",
        ),
        *("25:61:61", "99:99", "24:00", "01:00:00", "7.00:00:00", "00:00:00", "60"),
        *("60 0 0 * * 0", "0 0 24 * * 0", "0 0 0 0 * *", "0 0 0 32 * *", "0 0 0 * 0 *", "0 0 0 * 13 *", "0 0 0 * * 7"),
        *("0 0 0 5-32 * *", "0 0 0 */0 * *", "0 0 0 1- * *", "0 0 0 -1 * *", "0 0 0 1-2-3 * *", "0 0 0 *-3 * *"),
        *("0 0 0 31 4,jun *", "0 0 0 30 2 *", "0\t0 0 * * 0", "0 0 0 * * 0\n", "0 0 0 1, * *", "", "0 0 0 * * 0 2026"),
    ],
)
def test_schedule_that_never_runs_is_refused(text: str) -> None:
    assert not is_schedule(text)


WORDS = {
    "0 0 * * 0": "00:00 every Sunday",
    "0 0 0 * * 0": "00:00 every Sunday",
    "30 15 3,15 * * mon-fri": "03:15:30 and 15:15:30 every Monday, Tuesday, Wednesday, Thursday and Friday",
    "0 0 0 1,15 jan,july *": "00:00 on day 1 and 15 of January and July",
    "0 0 0 14 * 0": "00:00 on day 14 of the month, if that is a Sunday",
    "0 0 0 * feb sat,sun": "00:00 every Sunday and Saturday of February",
    "0 0/20 8-10 * * *": "minute 0, 20 and 40, hour 8, 9 and 10 every day",
    "0 30 * * * *": "every hour at xx:30 every day",
    "* * * * *": "every minute, every hour every day",
}


@pytest.mark.parametrize(("text", "words"), WORDS.items())
def test_schedule_is_put_in_words(text: str, words: str) -> None:
    schedule = Schedule.of(text)
    assert schedule is not None
    assert schedule.in_words() == words


# Every field with each of these values: numbers, names, lists, ranges, steps, and invalid values.
EACH = [
    *("*", "0", "00", "7", "59", "60", "012", "*/1", "*/60", "*/999", "5/999", "0-59/100", "5-1", "1-5/9", "1/31"),
    *("sun", "SUNDAY", "sat-sun", "fri-mon", "mon,wed", "jan-mar", "dec-jan", "december-february/2", "MAY", "June"),
    *("january", "february", "march", "april", "july", "august", "september", "october", "november", "december"),
    *("tuesday", "wednesday", "thursday", "saturday", "1,2,3-4", "6-0", "31", "30", "*,5", "1,,2", "1/*", "*/*"),
    *("L", "?", "#", "5#2", "15W", "-1", "1-", "x", "@daily", "1.5", "*/0", "1-2-3", "", "sund", "0-0"),
]


@pytest.mark.parametrize("field", range(6))
@pytest.mark.parametrize("value", EACH)
def test_product_and_local_host_agree_on_each_field(field: int, value: str) -> None:
    fields = ["0", "0", "0", "*", "*", "*"]
    fields[field] = value
    text = " ".join(fields)
    try:
        is_taken = parse(text, {}).next_after(NOW) > NOW
    except (ScheduleError, CroniterBadDateError):
        is_taken = False
    # The host reads an empty field as five fields, and so does this app.
    assert is_schedule(text) is is_taken


@pytest.mark.parametrize("text", ["0 0 0 * * monster", "0 0 0 * janitors *", "0 0 0 * * sund"])
def test_local_host_refuses_a_word_that_is_not_a_name(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text, {})
