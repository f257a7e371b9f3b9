"""What becomes of old keys: kept while CIPP might use them. After that, only those of this app are removed."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.scene import ARM, CERTIFICATE, GRAPH, SECRET, TOKEN, Scene, moment
from tests.support.sandbox.certificate import Certificate

SITES = (names.MAIN_SITE, names.OFFLOAD_SITE)
# If ARM does not show processes, it is unknown when an app started.
SILENT = {"host": ARM, "path": "/processes", "mode": "refuse", "status": 404, "times": 0}
EMPTY = {"host": ARM, "path": "/instances$", "answer": {"body": {"value": []}}, "times": 0}


def ids(scene: Scene) -> list[str]:
    return [one["keyId"] for one in scene.secrets_on_app()]


def thumbprints(scene: Scene) -> list[str]:
    return [one["customKeyIdentifier"] for one in scene.certificates_on_app()]


def restart(scene: Scene, *sites: str) -> None:
    for site in sites:
        scene.others.restart(site)


@pytest.fixture
def twice(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """Two client secrets of this app, the second one served. They are not due again for long."""
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")
    scene.rotate(SECRET, force=True)
    scene.go(days=2)
    scene.rotate(SECRET, force=True)
    scene.go(seconds=2)
    return scene


@pytest.mark.parametrize(
    ("days", "restarted", "stays"),
    [
        (31, SITES, False),
        (29, SITES, True),  # the overlap is not over
        (31, (), True),  # CIPP may hold it
        (31, SITES[:1], True),  # so may its offload app
    ],
)
def test_old_secret_is_removed_after_the_overlap_when_every_app_restarted(
    twice: Scene, days: int, restarted: tuple[str, ...], *, stays: bool
) -> None:
    seeded, old, new = ids(twice)
    restart(twice, *restarted)
    twice.go(days=days)
    warnings = twice.rotate(SECRET)["Warnings"]
    assert (old in ids(twice)) == stays
    assert {seeded, new} <= {*ids(twice)}
    waiting = [site for site in SITES if site not in restarted]
    assert all(any(f"Restart '{site}' before " in warning for warning in warnings) for site in waiting)
    assert twice.signs_in()


def test_result_names_the_day_before_which_an_app_must_restart(scene: Scene) -> None:
    ends = moment(scene.secrets_on_app()[0]["endDateTime"])  # of the secret that CIPP runs with
    for warnings in (scene.rotate(SECRET)["Warnings"], scene.rotate(SECRET)["Warnings"]):
        assert [warning.partition(",")[0] for warning in warnings] == [
            f"Restart '{site}' before {ends:%Y-%m-%d}" for site in SITES
        ]
    assert scene.overview()["Apps"] == [
        {"Name": site, "RunsWithCurrentKeys": "no", "Advice": f"Restart '{site}' before {ends:%Y-%m-%d}."}
        for site in SITES
    ]
    restart(scene, *SITES)
    assert not scene.rotate(SECRET)["Warnings"]


def test_the_overlap_is_a_setting(twice: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "2")
    _, old, _ = ids(twice)
    restart(twice, *SITES)
    twice.go(days=3)
    twice.rotate(SECRET)
    assert old not in ids(twice)


def test_old_secret_stays_until_its_expiry_when_restarts_are_unknown(twice: Scene) -> None:
    seeded, old, new = ids(twice)
    restart(twice, *SITES)
    twice.azure.faults([SILENT])
    twice.go(days=100)
    warnings = twice.rotate(SECRET)["Warnings"]
    assert old in ids(twice)
    assert len(warnings) == 2
    twice.go(days=79)  # its own end was yesterday, the new one's is tomorrow
    twice.rotate(SECRET)
    assert old not in ids(twice)
    assert {seeded, new} < {*ids(twice)}  # the seeded one expired long ago, but others created it


def test_superseded_secret_stays_when_azure_lists_no_instances_of_running_apps(twice: Scene) -> None:
    _, old, _ = ids(twice)
    twice.azure.faults([EMPTY])
    twice.go(days=31)
    warnings = twice.rotate(SECRET)["Warnings"]
    assert old in ids(twice)
    assert len(warnings) == 2
    assert [app["RunsWithCurrentKeys"] for app in twice.overview()["Apps"]] == ["unknown", "unknown"]
    assert Api().post("ExecFunctionAppRestart", {"All": True}).status == 200
    assert [app["RunsWithCurrentKeys"] for app in twice.overview()["Apps"]] == ["yes", "yes"]


def test_superseded_secret_goes_when_every_app_is_stopped(twice: Scene) -> None:
    _, old, _ = ids(twice)
    twice.go(days=31)
    assert Api().post("ExecFunctionAppStop", {"All": True}).status == 200
    assert not twice.rotate(SECRET)["Warnings"]
    assert old not in ids(twice)


def test_restart_by_this_app_is_known_when_arm_does_not_show_it(twice: Scene) -> None:
    _, old, _ = ids(twice)
    twice.azure.faults([SILENT])
    assert Api().post("ExecFunctionAppRestart", {"All": True}).status == 200
    assert [app["RunsWithCurrentKeys"] for app in twice.overview()["Apps"]] == ["yes", "yes"]
    twice.go(days=31)
    assert not twice.rotate(SECRET)["Warnings"]
    assert old not in ids(twice)


def test_old_certificate_of_this_app_is_removed_and_others_stay(scene: Scene) -> None:
    other = Certificate()
    scene.others.give_certificate(other)
    for _ in range(2):
        restart(scene, *SITES)  # there is at most one new certificate until CIPP has read its keys
        scene.rotate(CERTIFICATE, force=True)
        scene.go(hours=2)
    theirs, old, new = thumbprints(scene)
    scene.go(days=31)
    assert any(f"{phrases.MIGHT_USE_OLD} certificate" in warning for warning in scene.rotate(CERTIFICATE)["Warnings"])
    assert thumbprints(scene) == [theirs, old, new]
    restart(scene, *SITES)
    scene.rotate(CERTIFICATE)
    assert thumbprints(scene) == [theirs, new]
    assert scene.calls(GRAPH, "POST", "/removeKey")
    assert scene.certificate_signs_in()


@pytest.mark.parametrize(("minutes", "stays"), [(29, True), (31, False)])
def test_orphan_of_this_app_is_removed_after_30_minutes(scene: Scene, minutes: int, *, stays: bool) -> None:
    scene.rotate(SECRET)
    orphan = scene.others.add_secret(f"CIPP Backend {names.VAULT} 0123456789ab")
    unknown = scene.others.add_secret("CIPP Backend 0123456789ab")  # of an earlier release, perhaps of another vault
    theirs = scene.others.add_secret("UpdateTokens")
    scene.go(minutes=minutes)
    scene.rotate(SECRET)
    assert (orphan["keyId"] in ids(scene)) == stays
    assert {theirs["keyId"], unknown["keyId"]} <= {*ids(scene)}


@pytest.mark.parametrize("name", [TOKEN, SECRET])
def test_superseded_versions_before_the_previous_one_are_disabled_after_the_overlap(
    scene: Scene, nowhere: pytest.MonkeyPatch, name: str
) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")
    if name != SECRET:
        scene.others.store(SECRET, scene.others.add_secret()["secretText"])  # for it is to live a while
    for _ in range(3):
        scene.go(hours=2)
        scene.rotate(name, force=True)
    scene.go(days=29)
    scene.rotate(name)
    assert all(version["enabled"] for version in scene.versions(name))
    scene.go(days=2)
    scene.rotate(name)
    enabled = [version["enabled"] for version in scene.versions(name)]
    assert enabled[0]  # the oldest is by others, and is never disabled
    assert not enabled[1]
    assert enabled[-2:] == [True, True]


# Restarts


def test_without_the_setting_no_app_is_ever_restarted(scene: Scene) -> None:
    scene.rotate(SECRET)
    scene.tick("KeyRotationCatchUp")
    assert not scene.restarts()


def test_new_secret_restarts_cipps_apps_once_one_after_another(restarting: Scene) -> None:
    warnings = restarting.rotate(SECRET)["Warnings"]
    assert restarting.restarts() == [*SITES]
    assert any("Restarted 'cippabc12'." in warning for warning in warnings)
    restarting.go(seconds=10)
    restarting.tick("KeyRotationCatchUp")
    restarting.rotate(SECRET)
    assert restarting.restarts() == [*SITES]
    assert [app["RunsWithCurrentKeys"] for app in restarting.overview()["Apps"]] == ["yes", "yes"]


def test_nothing_is_restarted_for_a_client_secret_by_others(restarting: Scene) -> None:
    restarting.rotate(SECRET)
    before = restarting.restarts()
    restarting.go(minutes=1)
    restarting.others.store(SECRET, restarting.others.add_secret()["secretText"])
    restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts() == before


@pytest.mark.parametrize("faults", [[], [SILENT]])
def test_restart_waits_until_after_the_quiet_half_hour_in_cipps_zone(
    scene: Scene, nowhere: pytest.MonkeyPatch, faults: list[dict[str, Any]]
) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.others.zone("Asia/Tokyo")
    scene.azure.faults(faults)
    saturday = scene.sunday(after=timedelta(hours=10)) - timedelta(hours=9)  # the midnight that begins Sunday in Tokyo
    scene.go_to(saturday + timedelta(seconds=30))
    scene.tick("WeeklyKeyRotation")
    assert scene.served(SECRET)["tags"]["rotated-by"]
    scene.go_to(saturday + timedelta(minutes=20))
    scene.tick("KeyRotationCatchUp")
    assert not scene.restarts()
    scene.go_to(saturday + timedelta(minutes=80))
    scene.tick("KeyRotationCatchUp")
    assert scene.restarts() == [*SITES]
    scene.go_to(saturday + timedelta(minutes=140))
    scene.tick("KeyRotationCatchUp")
    assert scene.restarts() == [*SITES]


def test_failed_restart_prevents_the_restart_of_the_next_app(restarting: Scene) -> None:
    restarting.azure.faults([{"host": ARM, "path": "/cippabc12/restart$", "mode": "refuse", "status": 409, "times": 0}])
    warnings = restarting.rotate(SECRET)["Warnings"]
    assert any(f"'cippabc12' {phrases.NOT_RESTARTED}" in warning for warning in warnings)
    assert restarting.restarts() == [SITES[0]]


# At most so many are live


WHY_NOT = {SECRET: "keeps at most 6", CERTIFICATE: "its weekly run removes all but the newest two"}


@pytest.mark.parametrize(("name", "most", "days"), [(SECRET, 6, 140), (CERTIFICATE, 3, 360)])
def test_live_credentials_stay_few_when_cipp_is_not_restarted(
    scene: Scene, nowhere: pytest.MonkeyPatch, name: str, most: int, days: int
) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "1")
    others = ids(scene) if name == SECRET else []

    def live() -> list[str]:
        found = scene.secrets_on_app() if name == SECRET else scene.certificates_on_app()
        return [one["keyId"] for one in found if one["keyId"] not in others]

    for _ in range(most):
        if name == CERTIFICATE:
            restart(scene, *SITES)
        assert scene.report(name, force=True)["Outcome"] == "rotated"
        scene.go(hours=2)
    before = live()
    report = scene.report(name, force=True)
    assert report["Outcome"] == "unchanged"
    assert WHY_NOT[name] in report["Reason"]
    assert f"Restart '{SITES[0]}', '{SITES[1]}'" in report["Reason"]
    assert live() == before
    scene.go(days=days)  # the served one nears its expiry, so a new one must be made
    report = scene.report(name)
    assert report["Outcome"] == "rotated"
    assert phrases.EXPIRES_SOON in report["Reason"]
    after = live()
    assert len(after) == most
    assert {*after[:-1]} < {*before}
    assert before[-1] in after  # it was served for longer than any other
    assert scene.signs_in() if name == SECRET else scene.certificate_signs_in()


def test_due_secret_waits_for_a_restart_of_cipp(scene: Scene) -> None:
    scene.rotate(SECRET)
    scene.go(days=8)
    before = ids(scene)
    report = scene.report(SECRET)
    assert report["Outcome"] == "unchanged"
    assert f"{phrases.MIGHT_NOT_USE} the {phrases.CLIENT_SECRET}" in report["Reason"]
    restart(scene, SITES[0])
    assert f"Restart '{SITES[1]}' (" in scene.report(SECRET)["Reason"]
    assert ids(scene) == before
    restart(scene, SITES[1])
    assert scene.report(SECRET)["Outcome"] == "rotated"
