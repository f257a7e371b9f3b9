"""The project's weekly timer is always indexed and can be run by hand, whatever KEY_ROTATION_SCHEDULE is."""

from pathlib import Path

import pytest

from tests.support.project_host import project_host
from tests.support.sandbox_client import Sandbox


@pytest.mark.parametrize("schedule", ["", "  ", "nonsense", "0 0 0 * * 7", "0 0 * * 0", "0 0 0 1 february *"])
def test_weekly_timer_is_indexed_and_started_by_hand(sandbox: Sandbox, tmp_path: Path, schedule: str) -> None:
    with project_host(sandbox, tmp_path, KEY_ROTATION_SCHEDULE=schedule) as host:
        assert "WeeklyKeyRotation" in [function["name"] for function in host.request("GET", "/admin/functions").json()]
        assert host.request("POST", "/admin/functions/WeeklyKeyRotation", {"input": ""}).status == 202
    assert "schedule" not in host.log
