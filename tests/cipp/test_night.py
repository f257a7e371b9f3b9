"""The night of CIPP on a container: when the timers wait for its own jobs, and when it reads its keys."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.cipp.night import UpdateTime, next_read, pause_until

DEFAULT = UpdateTime()
NONE = UpdateTime(None)
AMSTERDAM, KOLKATA, NEPAL = "Europe/Amsterdam", "Asia/Kolkata", "Asia/Kathmandu"
A_SECOND = timedelta(seconds=1)

# zone, the time of CIPP's own update, now and the end of the pause, both by the wall clock
PAUSES: dict[str, tuple[str, UpdateTime, str, str | None]] = {
    "noon": (AMSTERDAM, DEFAULT, "2026-09-06 12:00", None),
    "22:14 in the evening": (AMSTERDAM, DEFAULT, "2026-09-05 22:14:59", None),
    "22:15 in the evening": (AMSTERDAM, DEFAULT, "2026-09-05 22:15", "2026-09-06 00:35"),
    "between the update and midnight": (AMSTERDAM, DEFAULT, "2026-09-05 23:50", "2026-09-06 00:35"),
    "midnight of a Sunday": (AMSTERDAM, DEFAULT, "2026-09-06 00:00", "2026-09-06 00:35"),
    "midnight of a Wednesday": (AMSTERDAM, DEFAULT, "2026-09-09 00:00", "2026-09-09 00:35"),
    "00:34": (AMSTERDAM, DEFAULT, "2026-09-06 00:34:59", "2026-09-06 00:35"),
    "00:35": (AMSTERDAM, DEFAULT, "2026-09-06 00:35", None),
    "in winter": (AMSTERDAM, DEFAULT, "2026-12-05 22:15", "2026-12-06 00:35"),
    "UTC": ("UTC", DEFAULT, "2026-09-05 22:20", "2026-09-06 00:35"),
    "a zone at half an hour": (KOLKATA, DEFAULT, "2026-09-05 22:20", "2026-09-06 00:35"),
    "a zone at a quarter of an hour": (NEPAL, DEFAULT, "2026-09-06 00:20", "2026-09-06 00:35"),
    # the evening follows CheckTime
    "update at 03:00, before it": (AMSTERDAM, UpdateTime(3), "2026-09-06 02:14:59", None),
    "update at 03:00, 45 minutes before": (AMSTERDAM, UpdateTime(3), "2026-09-06 02:15", "2026-09-06 04:00"),
    "update at 03:00, after it": (AMSTERDAM, UpdateTime(3), "2026-09-06 04:00", None),
    "update at 03:00, in the evening": (AMSTERDAM, UpdateTime(3), "2026-09-05 23:00", None),
    "update at 03:00, at midnight": (AMSTERDAM, UpdateTime(3), "2026-09-06 00:00", "2026-09-06 00:35"),
    "update at midnight, before it": (AMSTERDAM, UpdateTime(0), "2026-09-05 23:15", "2026-09-06 01:00"),
    "update at midnight, after it": (AMSTERDAM, UpdateTime(0), "2026-09-06 00:40", "2026-09-06 01:00"),
    "update at 01:00 joins the night": (AMSTERDAM, UpdateTime(1), "2026-09-06 00:00", "2026-09-06 02:00"),
    "update at any time, in the evening": (AMSTERDAM, NONE, "2026-09-05 23:00", None),
    "update at any time, at midnight": (AMSTERDAM, NONE, "2026-09-06 00:10", "2026-09-06 00:35"),
    # daylight saving
    "the night before the clocks go forward": (AMSTERDAM, DEFAULT, "2026-03-28 22:15", "2026-03-29 00:35"),
    "the night before the clocks go back": (AMSTERDAM, DEFAULT, "2026-10-24 23:59", "2026-10-25 00:35"),
    "update in the hour that is skipped": (AMSTERDAM, UpdateTime(2), "2026-03-29 01:15", "2026-03-29 03:00"),
    "update in the hour that is repeated": (AMSTERDAM, UpdateTime(2), "2026-10-25 01:15", "2026-10-25 03:00"),
    "a midnight that is skipped, before it": ("Asia/Beirut", NONE, "2026-03-28 23:59:59", None),
    "a midnight that is skipped, after it": ("Asia/Beirut", NONE, "2026-03-29 01:00", "2026-03-29 01:35"),
    "a midnight that is skipped, and over": ("Asia/Beirut", NONE, "2026-03-29 01:35", None),
    "a midnight that is repeated, the first": ("America/Havana", NONE, "2026-11-01 00:10", "2026-11-01 00:35+1"),
    "a midnight that is repeated, the second": ("America/Havana", NONE, "2026-11-01 00:10+1", "2026-11-01 00:35+1"),
}


def at(wall: str, zone: str) -> datetime:
    """Return an instant by its wall clock. With "+1", it is the second of a repeated time."""
    text, _, fold = wall.partition("+")
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=int(fold or 0))


@pytest.mark.parametrize(("zone", "update", "now", "until"), PAUSES.values(), ids=PAUSES)
def test_timers_wait_for_cipps_own_jobs(zone: str, update: UpdateTime, now: str, until: str | None) -> None:
    found = pause_until(at(now, zone), ZoneInfo(zone), update)
    assert (found and found.timestamp()) == (until and at(until, zone).timestamp())
    if found:
        assert pause_until(found, ZoneInfo(zone), update) is None


READS = {
    "in the evening": (AMSTERDAM, "2026-09-05 22:00", "2026-09-06 00:30"),
    "after midnight": (AMSTERDAM, "2026-09-06 00:29:59", "2026-09-06 00:30"),
    "at that time: the next night": (AMSTERDAM, "2026-09-06 00:30", "2026-09-07 00:30"),
    "a zone at half an hour": (KOLKATA, "2026-09-05 12:00", "2026-09-06 00:30"),
    "the clocks go forward after it": (AMSTERDAM, "2026-03-28 12:00", "2026-03-29 00:30"),
    "the day after": (AMSTERDAM, "2026-03-29 00:30", "2026-03-30 00:30"),
    "the clocks go back after it": (AMSTERDAM, "2026-10-25 00:30", "2026-10-26 00:30"),
    "it is skipped": ("Asia/Beirut", "2026-03-28 23:00", "2026-03-29 01:30"),
    "it is repeated": ("America/Havana", "2026-10-31 23:00", "2026-11-01 00:30"),
}


@pytest.mark.parametrize(("zone", "now", "expected"), READS.values(), ids=READS)
def test_cipp_reads_its_keys_at_half_past_midnight(zone: str, now: str, expected: str) -> None:
    assert next_read(at(now, zone), ZoneInfo(zone)).timestamp() == at(expected, zone).timestamp()
