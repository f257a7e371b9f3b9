"""A week begins late rather than early while CIPP's time zone can't be read."""

from datetime import timedelta

import pytest

from tests.support.rotation.scene import TOKEN, Scene

UNREAD = {"host": "127.0.0.1", "path": "/Config", "times": 0, "mode": "refuse", "status": 403}


@pytest.mark.parametrize(("hours", "outcome"), [(3, "unchanged"), (11, "unchanged"), (13, "planned")])
def test_week_begins_by_the_latest_zone_when_cipps_zone_is_unread(
    scene: Scene, nowhere: pytest.MonkeyPatch, hours: int, outcome: str
) -> None:
    scene.midweek()
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go_to(scene.sunday() + timedelta(hours=hours))
    scene.azure.faults([UNREAD])
    nowhere.setenv("KEY_ROTATION_WARN_DAYS", "13")  # another process, which has never read the zone
    assert scene.report(TOKEN, dry=True)["Outcome"] == outcome


def test_week_begins_by_utc_when_cipp_has_set_no_zone(scene: Scene) -> None:
    scene.midweek()
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go_to(scene.sunday() + timedelta(hours=3))
    assert scene.report(TOKEN, dry=True)["Outcome"] == "planned"
