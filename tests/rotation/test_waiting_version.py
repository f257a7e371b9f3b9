"""Which version of the client secret no timer restarts CIPP for before the weekly run: a table."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.key_vault.secrets import Version
from backend.key_vault.tags import RESTART, WEEKLY
from backend.rotation.running.restarts import waits_for_weekly_run

SUNDAY = datetime(2026, 8, 2, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("created", "tags", "waits"),
    [
        (SUNDAY + A_SECOND, {RESTART: WEEKLY}, True),
        (SUNDAY, {RESTART: WEEKLY}, True),
        (SUNDAY - A_SECOND, {RESTART: WEEKLY}, False),
        (SUNDAY + A_SECOND, {RESTART: "x"}, False),
        (SUNDAY + A_SECOND, {}, False),
    ],
)
def test_version_waits_if_no_weekly_run_started_since(created: datetime, tags: dict[str, str], waits: bool) -> None:
    version = Version("1", created, None, enabled=True, expires=None, tags=tags, content_type=None, managed=False)
    assert waits_for_weekly_run(version, lambda: SUNDAY) is waits


def test_version_waits_if_no_weekly_run_is_known() -> None:
    tags = {RESTART: WEEKLY}
    version = Version("1", SUNDAY, None, enabled=True, expires=None, tags=tags, content_type=None, managed=False)
    assert waits_for_weekly_run(version, lambda: None)
