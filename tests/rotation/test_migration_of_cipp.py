"""CIPP is migrated to a container in mid-week and in mid-run. Lock, history and rotation continue."""

from datetime import timedelta

import pytest

from sandbox import names
from tests.support.rotation.held_run import LOCKS, held_at
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene


@pytest.fixture
def before(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """CIPP as function apps in mid-week, this app in a group of its own, and the sign-in that a migration requires."""
    scene.others.reset(propagation_seconds=0, direct_tenants=1, own_group=True, timezone="UTC")
    scene.others.clear_tables()
    scene.azure.control("POST", "migrate", {"prepare": True})
    nowhere.setenv("CIPP_RESOURCE_GROUP", names.RESOURCE_GROUP)
    nowhere.setenv("CIPP_SUBSCRIPTION_ID", names.SUBSCRIPTION_ID)
    nowhere.setenv("CIPP_FUNCTION_APP", names.MAIN_SITE)
    nowhere.setenv("WEBSITE_RESOURCE_GROUP", names.OWN_GROUP)
    nowhere.setenv("DISCOVERY_LIFETIME_SECONDS", "0")
    scene.midweek()
    return scene


def migrate(scene: Scene, stop_after: int = 13) -> None:
    scene.azure.control("POST", "migrate", {"stop_after": stop_after})


def assert_all_works(scene: Scene) -> None:
    assert scene.redeems(TOKEN)
    assert scene.redeems(scene.tenants()[0])
    assert scene.signs_in()
    assert [(one["name"], one["works"]) for one in scene.azure.state()["cipp"]] == [(names.VAULT, True)]


def test_weekly_rotation_continues_after_a_migration_in_mid_week(before: Scene) -> None:
    before.rotate()
    (first,) = before.overview()["Runs"]
    migrate(before)
    before.go(minutes=10)
    before.go_to(before.sunday() + timedelta(hours=5))
    before.tick("KeyRotationCatchUp")
    shown = before.overview()
    assert [run["RunId"] for run in shown["Runs"]][-1] == first["RunId"]
    assert len(shown["Runs"]) == 2
    assert_all_works(before)


@pytest.mark.parametrize("step", [8, 11, 12, 13])
def test_run_that_is_interrupted_by_a_migration_is_completed_afterwards(
    before: Scene, step: int, nowhere: pytest.MonkeyPatch
) -> None:
    with held_at(before, 2, nowhere) as run:
        migrate(before, step)
    assert run.result().status in (200, 500, 503)
    migrate_rest(before, step)
    before.go(minutes=30)
    before.rotate(force=True)
    assert [row["RunID"] for row in before.others.rows(LOCKS) if row.get("RunID")] == []
    assert_all_works(before)


def migrate_rest(scene: Scene, step: int) -> None:
    if step < 12:
        migrate(scene)


def test_keys_that_were_stored_before_a_migration_count_as_read_afterwards(before: Scene) -> None:
    stored = before.rotate(SECRET, CERTIFICATE, force=True)
    assert {key["Outcome"] for key in stored["Keys"]} == {"rotated"}
    migrate(before)
    before.go(minutes=10)
    assert_all_works(before)
