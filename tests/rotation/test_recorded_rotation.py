"""What earlier code left of its runs, killed or not, is what the present code goes on from. See `recorded`."""

from datetime import timedelta

import pytest

from tests.rotation.recorded.record import (
    APPS,
    CERTIFICATE_STORED,
    FIRST_RUN,
    OVERLAP,
    POINTS,
    RESTART_REQUESTED,
    RESTART_WAITS,
    WAITING,
    WEEK,
    Point,
    recordings,
)
from tests.rotation.recorded.recording import HERE, RESTORED, SEEDED, Recording, names
from tests.support.rotation.checks import after_a_fault, after_the_next_run, not_rotated
from tests.support.rotation.deployment import LOCK, Deployment
from tests.support.rotation.scene import CERTIFICATE, SECRET, Scene
from tests.support.rotation.theirs import State, by_the_product
from tests.support.tiers import FULL

RECORDED = {path.stem: Recording.read(path.stem) for path in sorted(HERE.glob("*.json"))}
SPANS = {FIRST_RUN: WEEK, WAITING: OVERLAP}  # until the next run; after a killed one it is an hour
KINDS = {SECRET: "passwordCredentials", CERTIFICATE: "keyCredentials"}
# The properties that were added after the recordings. Earlier code ignores them.
ADDED = {"CippBackendRuns": {"step: str", "done: int"}}


@pytest.mark.parametrize("name", RECORDED)
def test_the_next_run_finishes_what_was_recorded(scene: Scene, name: str) -> None:
    others, recording, before = scene.others, RECORDED[name], RECORDED[SEEDED].state
    due = RECORDED[recording.due].state
    recording.put_back(others, RECORDED[SEEDED])
    then = scene.azure.state()
    assert {part: then[part] for part in RESTORED} == {part: recording.state[part] for part in RESTORED}
    assert after_a_fault(others, before) == []
    to_do = {problem.split()[0] for problem in not_rotated(others.made, due, then)}
    next_run(scene, SPANS.get(name, timedelta(hours=1)))
    assert after_the_next_run(others, before, due) == []
    assert others.rows(LOCK) == []
    if name not in SPANS:
        new = {key: len(ids(scene, key, scene.azure.state()) - ids(scene, key, then)) for key in KINDS}
        assert new == {key: int(key in to_do) for key in KINDS}


@pytest.mark.parametrize("name", [name for name in RECORDED if RECORDED[name].rows.get(LOCK)])
def test_recorded_lock_belongs_to_its_run_for_half_a_minute(scene: Scene, name: str) -> None:
    recording = RECORDED[name]
    recording.put_back(scene.others, RECORDED[SEEDED])
    (lock,) = recording.rows[LOCK]
    assert scene.overview()["Running"]["RunId"] == lock["RunId"]
    answer = scene.api().post("ExecKeyRotation")
    assert (answer.status, lock["RunId"] in answer.text) == (409, True)
    scene.go(seconds=30)
    assert scene.overview()["Running"] is None
    next_run(scene)
    runs = scene.overview()["Runs"]
    assert [run["RunId"] for run in runs if not run["Ended"]] == [lock["RunId"]]
    assert runs[0]["RunId"] != lock["RunId"]


@pytest.mark.parametrize("name", [WAITING, CERTIFICATE_STORED])
def test_a_recorded_old_credential_is_retired_when_its_overlap_is_over(scene: Scene, name: str) -> None:
    RECORDED[name].put_back(scene.others, RECORDED[SEEDED])
    old = {key: ids(scene, key, RECORDED[FIRST_RUN].state) for key in KINDS}
    assert all(old.values())
    assert old[CERTIFICATE] <= ids(scene, CERTIFICATE, scene.azure.state())
    next_run(scene, SPANS.get(name, timedelta(hours=1)))
    assert not [key for key in KINDS if old[key] & ids(scene, key, scene.azure.state())]


@pytest.mark.parametrize(("name", "by_weekly"), [(RESTART_WAITS, {*APPS}), (RESTART_REQUESTED, {APPS[1]})])
def test_a_recorded_restart_is_neither_early_nor_requested_twice(
    scene: Scene, nowhere: pytest.MonkeyPatch, name: str, by_weekly: set[str]
) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    RECORDED[name].put_back(scene.others, RECORDED[SEEDED])
    scene.go(hours=1)
    if name == RESTART_WAITS:
        scene.tick("KeyRotationCatchUp")
        assert scene.restarts() == []
    scene.tick("WeeklyKeyRotation")
    assert sorted(scene.restarts()) == sorted(by_weekly)


def with_each_name() -> list[Point]:
    """Return fewer points that leave every recorded name, and those from which they begin."""
    needed: set[str] = set()
    left = pairs(SEEDED)
    for point in reversed(POINTS):
        if point.name in needed or pairs(point.name) - left:
            needed |= {point.name, point.begun_from}
            left |= pairs(point.name)
    return [point for point in POINTS if point.name in needed]


def pairs(name: str) -> set[tuple[str, str]]:
    """Return the names of a recording, each with its table."""
    return {(table, one) for table, found in names([RECORDED[name]]).items() for one in found}


def test_fewer_points_leave_every_recorded_name() -> None:
    points = with_each_name()
    there = {SEEDED, *(point.name for point in points)}
    assert names(RECORDED[name] for name in there) == names(RECORDED.values())
    assert {point.begun_from for point in points} <= there
    assert len(points) < len(POINTS)


@pytest.mark.slow("runs in processes of their own, to each of some points")
@pytest.mark.timeout(300)
@pytest.mark.larger_in_full_tier
def test_tables_properties_and_tags_have_the_names_that_were_recorded(deployment: Deployment) -> None:
    """The present code leaves the same names at the same points: none is missing, and a new one is in `ADDED`."""
    expected = names(RECORDED.values())
    for table, added in ADDED.items():
        expected[table] |= added
    assert names(recordings(deployment, POINTS if FULL else with_each_name())) == expected


def next_run(scene: Scene, span: timedelta = timedelta()) -> None:
    """Let the time go by, CIPP's apps be restarted, and the weekly run come."""
    scene.azure.advance(span.total_seconds())
    for app in APPS:
        scene.others.restart(app)  # which no recording holds
    scene.tick("WeeklyKeyRotation")


def ids(scene: Scene, key: str, state: State) -> set[str]:
    """Return the client secrets or certificates on the app that the product made."""
    return {one["keyId"] for one in by_the_product(scene.others.made, state, KINDS[key])}
