"""When CIPP looks for an update by itself, by its own settings."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.hosting.container.updates.cipps_own import UpdateSettings, next_look, settings_of

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        ({}, UpdateSettings()),
        ({"AutoUpdate": "FALSE"}, UpdateSettings(updates_itself=False)),
        ({"AutoUpdate": False}, UpdateSettings(updates_itself=False)),
        ({"AutoUpdate": "True"}, UpdateSettings()),
        ({"CheckInterval": "0"}, UpdateSettings(interval=None)),
        ({"CheckInterval": "4h"}, UpdateSettings(interval=4 * HOUR)),
        ({"CheckInterval": "1d"}, UpdateSettings(interval=24 * HOUR)),
        ({"CheckInterval": "often"}, UpdateSettings()),
        ({"CheckTime": ""}, UpdateSettings(hour=None)),
        ({"CheckTime": "0"}, UpdateSettings(hour=0)),
        ({"CheckTime": 7}, UpdateSettings(hour=7)),
        ({"CheckTime": "24"}, UpdateSettings(hour=None)),
        ({"LastCheck": "1764460800"}, UpdateSettings(last_look=datetime(2025, 11, 30, tzinfo=UTC))),
        ({"LastCheck": 1764460800}, UpdateSettings(last_look=datetime(2025, 11, 30, tzinfo=UTC))),
        ({"LastCheck": "1764460800.25"}, UpdateSettings(last_look=datetime(2025, 11, 30, 0, 0, 0, 250000, UTC))),
        ({"LastCheck": "never"}, UpdateSettings()),
    ],
)
def test_settings_are_read_with_cipps_defaults(row: dict[str, object], settings: UpdateSettings) -> None:
    assert settings_of(row) == settings


@pytest.mark.parametrize(
    ("zone", "now", "looks"),
    [
        ("UTC", "2026-11-30T10:07", "2026-11-30T23:00"),
        ("UTC", "2026-11-30T23:00", "2026-12-01T23:00"),
        ("Europe/Amsterdam", "2026-11-30T10:07", "2026-11-30T22:00"),
        ("Europe/Amsterdam", "2026-07-01T10:07", "2026-07-01T21:00"),
        # The clocks change on the last Sundays of March and October.
        ("Europe/Amsterdam", "2026-10-24T22:30", "2026-10-25T22:00"),
        ("Europe/Amsterdam", "2027-03-27T22:30", "2027-03-28T21:00"),
        # A zone of half an hour has two looks, at 22:30 and at 23:30.
        ("Asia/Kolkata", "2026-11-30T10:07", "2026-11-30T17:00"),
        ("Asia/Kolkata", "2026-11-30T17:00", "2026-11-30T18:00"),
        ("Asia/Kolkata", "2026-11-30T18:00", "2026-12-01T17:00"),
        # A zone of 45 minutes looks at 22:45 and at 23:45.
        ("Asia/Kathmandu", "2026-11-30T10:07", "2026-11-30T17:00"),
        ("Asia/Kathmandu", "2026-11-30T17:10", "2026-11-30T18:00"),
        ("Asia/Kathmandu", "2026-11-30T18:10", "2026-12-01T17:00"),
        ("America/New_York", "2026-11-30T10:07", "2026-12-01T04:00"),
    ],
)
def test_default_looks_around_23_in_the_zone(zone: str, now: str, looks: str) -> None:
    found = next_look(UpdateSettings(), ZoneInfo(zone), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(looks).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "zone", "now", "looks"),
    [
        (UpdateSettings(hour=None), "UTC", "2026-11-30T10:07", "2026-11-30T11:00"),
        (UpdateSettings(interval=None), "UTC", "2026-11-30T10:07", None),
        # Midnight wraps: at 23:30, half an hour before hour 0.
        (UpdateSettings(hour=0), "Asia/Kolkata", "2026-11-30T10:07", "2026-11-30T18:00"),
        (UpdateSettings(hour=0), "Asia/Kolkata", "2026-11-30T18:00", "2026-11-30T19:00"),
        (UpdateSettings(hour=0), "UTC", "2026-11-30T10:07", "2026-12-01T00:00"),
        (UpdateSettings(hour=23), "Asia/Kathmandu", "2026-11-30T18:14", "2026-12-01T17:00"),
    ],
)
def test_settings_choose_the_hour(settings: UpdateSettings, zone: str, now: str, looks: str | None) -> None:
    found = next_look(settings, ZoneInfo(zone), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(looks).replace(tzinfo=UTC) if looks else None)


@pytest.mark.parametrize(
    ("interval", "hour", "last", "looks"),
    [
        (HOUR, None, "2026-11-30T10:00", "2026-11-30T11:00"),
        (4 * HOUR, None, "2026-11-30T10:00", "2026-11-30T14:00"),
        (4 * HOUR, None, "2026-11-30T09:40", "2026-11-30T14:00"),
        (12 * HOUR, 23, "2026-11-29T23:00", "2026-11-30T23:00"),
        (24 * HOUR, 23, "2026-11-29T23:00", "2026-11-30T23:00"),
        # 0.9 of a day after 02:30 is 00:06. So the look at 23:00 is not due yet.
        (24 * HOUR, 23, "2026-11-30T02:30", "2026-12-01T23:00"),
        (24 * HOUR, None, "2026-11-30T02:30", "2026-12-01T01:00"),
        # A time in the future, as after a wrong clock.
        (HOUR, None, "2030-01-01T00:00", None),
    ],
)
def test_look_waits_for_the_interval(interval: timedelta, hour: int | None, last: str, looks: str | None) -> None:
    settings = UpdateSettings(True, interval, hour, datetime.fromisoformat(last).replace(tzinfo=UTC))  # noqa: FBT003 - a row of a table
    found = next_look(settings, UTC, datetime(2026, 11, 30, 10, 7, tzinfo=UTC))
    assert found == (datetime.fromisoformat(looks).replace(tzinfo=UTC) if looks else None)
