"""When CIPP's own timers may be at work, as a table of cases: zones, and both changes of the clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from backend.cipp.midnight import is_quiet


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", "2026-08-03 00:00", True),
        ("UTC", "2026-08-03 00:29", True),
        ("UTC", "2026-08-03 00:30", False),
        ("UTC", "2026-08-02 23:59", False),
        ("UTC", "2026-08-03 12:10", False),
        ("Pacific/Kiritimati", "2026-08-03 10:10", True),
        ("Etc/GMT+11", "2026-08-03 11:10", True),
        ("Asia/Kathmandu", "2026-08-03 18:15", True),
        ("Asia/Kathmandu", "2026-08-03 18:50", False),
        # a midnight that comes twice is quiet twice
        ("America/Havana", "2026-11-01 04:10", True),
        ("America/Havana", "2026-11-01 05:10", True),
        # one that is skipped: CIPP's timers of midnight run when the clocks have jumped
        ("America/Havana", "2026-03-08 04:59", False),
        ("America/Havana", "2026-03-08 05:00", True),
        ("America/Havana", "2026-03-08 05:29", True),
        ("America/Havana", "2026-03-08 05:30", False),
    ],
)
def test_the_half_hour_after_midnight_is_quiet(zone: str, now: str, *, expected: bool) -> None:
    assert is_quiet(datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo(zone)) is expected
