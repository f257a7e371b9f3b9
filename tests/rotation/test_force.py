"""Which callers may force a rotation or cause a restart of CIPP, and how often force makes a credential."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Answer
from tests.support.rotation.scene import ARM, CERTIFICATE, ENTRA, SECRET, TOKEN, Scene, key_of

FULL_TIER = pytest.mark.full_tier("one zone shows it")
SITES = [names.MAIN_SITE, names.OFFLOAD_SITE]


def rotate(scene: Scene, role: str, *key_names: str, **fields: bool) -> Answer:
    return scene.api().post("ExecKeyRotation", {"Names": list(key_names), **fields}, role=role)


def report(scene: Scene, role: str, name: str, **fields: bool) -> dict[str, Any]:
    answer = rotate(scene, role, name, **fields)
    assert answer.status == 200, answer.text
    return key_of(answer.results["Keys"], name)


def credentials(scene: Scene, name: str) -> int:
    return len(scene.secrets_on_app() if name == SECRET else scene.certificates_on_app())


@pytest.mark.parametrize("dry", [False, True])
def test_force_is_denied_without_superadmin(scene: Scene, *, dry: bool) -> None:
    before = scene.azure.state()["vaults"]
    answer = rotate(scene, "admin", TOKEN, Force=True, DryRun=dry)
    assert answer.status == 403, answer.text
    assert answer.body["permission"] == "CIPP.SuperAdmin.ReadWrite"
    assert scene.azure.state()["vaults"] == before


def test_force_denial_leaves_one_audit_entry(scene: Scene) -> None:
    rotate(scene, "admin", TOKEN, Force=True)
    entries = [row for row in scene.others.rows("CippLogs", record=True) if row.get("API") == "Backend"]
    assert [entry["Severity"] for entry in entries] == ["Warning"]
    assert "ExecKeyRotation" in entries[0]["Message"]


def test_rotation_without_force_stays_open_to_admins(scene: Scene) -> None:
    assert report(scene, "admin", TOKEN)["Outcome"] == "rotated"


@pytest.mark.parametrize("name", [SECRET, CERTIFICATE])
def test_force_makes_one_credential_an_hour(scene: Scene, name: str) -> None:
    assert report(scene, "superadmin", name, Force=True)["Outcome"] == "rotated"
    made = credentials(scene, name)
    for _ in range(2):
        second = report(scene, "superadmin", name, Force=True)
        assert second["Outcome"] == "unchanged"
        assert phrases.AT_MOST_HOURLY in second["Reason"]
    dry = report(scene, "superadmin", name, Force=True, DryRun=True)
    assert (dry["Outcome"], phrases.AT_MOST_HOURLY in dry["Reason"]) == ("unchanged", True)
    scene.go(minutes=58)
    assert report(scene, "superadmin", name, Force=True)["Outcome"] == "unchanged"
    assert credentials(scene, name) == made
    scene.go(minutes=3)
    assert report(scene, "superadmin", name, Force=True)["Outcome"] == "rotated"
    assert credentials(scene, name) == made + 1


def test_force_replaces_secret_that_does_not_sign_in_within_the_hour(scene: Scene) -> None:
    assert report(scene, "superadmin", SECRET, Force=True)["Outcome"] == "rotated"
    scene.others.remove_secret(scene.served(SECRET)["tags"]["credential-id"])
    assert not scene.signs_in()
    scene.go(minutes=6)
    assert report(scene, "superadmin", SECRET, Force=True)["Outcome"] == "rotated"
    assert scene.signs_in()


def test_force_replaces_certificate_that_does_not_sign_in_within_the_hour(scene: Scene) -> None:
    assert report(scene, "superadmin", CERTIFICATE, Force=True)["Outcome"] == "rotated"
    scene.go(minutes=6)
    body = "client_assertion="
    dead = {"host": ENTRA, "body": body, "mode": "refuse", "status": 401, "aadsts": 700027, "times": 1}
    scene.azure.faults([dead])  # on the app, and refused
    assert report(scene, "superadmin", CERTIFICATE, Force=True)["Outcome"] == "rotated"
    assert scene.certificate_signs_in()


def test_force_renews_tokens_as_often_as_requested(scene: Scene) -> None:
    outcomes = [report(scene, "superadmin", TOKEN, Force=True)["Outcome"] for _ in range(3)]
    assert outcomes == ["rotated"] * 3


def test_force_renews_every_token_when_no_key_is_named(scene: Scene) -> None:
    scene.rotate()
    keys = scene.rotate(force=True)["Keys"]
    assert [key_of(keys, name)["Outcome"] for name in (TOKEN, *scene.tenants())] == ["rotated"] * 2


def test_force_counts_secret_stored_by_others_not_as_made(scene: Scene) -> None:
    scene.others.store(SECRET, scene.others.add_secret("By an admin")["secretText"])
    assert report(scene, "superadmin", SECRET, Force=True)["Outcome"] == "rotated"


def test_admin_rotation_restarts_nothing_and_reports_it(restarting: Scene) -> None:
    answer = rotate(restarting, "admin", SECRET)
    assert key_of(answer.results["Keys"], SECRET)["Outcome"] == "rotated"
    assert restarting.restarts() == []
    warnings = [warning for warning in answer.results["Warnings"] if phrases.CIPP_NOT_RESTARTED in warning]
    assert len(warnings) == 1
    assert all(site in warnings[0] for site in SITES)
    assert "CIPP.SuperAdmin.ReadWrite" in warnings[0]


@pytest.mark.slow("it ticks through days, hour by hour")
def test_no_timer_restarts_for_admins_version_before_weekly_run(restarting: Scene) -> None:
    rotate(restarting, "admin", SECRET)
    for hours in (1, 1, 22, 48):
        restarting.go(hours=hours)
        restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts() == []
    restarting.go_to(restarting.sunday() + timedelta(seconds=1))
    restarting.tick("WeeklyKeyRotation")
    restarting.go(minutes=80)  # at midnight nothing is restarted
    restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts() == SITES


def test_weekly_run_restarts_for_admins_version_that_is_not_due(restarting: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "28")
    rotate(restarting, "admin", SECRET)
    served = restarting.served(SECRET)["version"]
    restarting.go(hours=1)
    restarting.tick("WeeklyKeyRotation")
    assert restarting.served(SECRET)["version"] == served
    assert restarting.restarts() == SITES


def test_superadmin_restarts_for_admins_version(restarting: Scene) -> None:
    rotate(restarting, "admin", SECRET)
    restarting.go(minutes=5)
    assert rotate(restarting, "superadmin", SECRET).status == 200
    assert restarting.restarts() == SITES


def test_admin_rotation_leaves_timers_version_to_hourly_timer(restarting: Scene) -> None:
    failing = {"host": ARM, "path": "/restart$", "mode": "refuse", "status": 409, "times": 0}
    restarting.azure.faults([failing])
    restarting.tick("WeeklyKeyRotation")
    restarting.azure.faults([])
    tried = len(restarting.restarts())
    rotate(restarting, "admin", SECRET)
    assert len(restarting.restarts()) == tried
    restarting.go(hours=1)
    restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts()[tried:] == SITES


@pytest.mark.slow("it ticks through a week, hour by hour")
@pytest.mark.parametrize(
    "zone",
    [
        "America/Los_Angeles",
        pytest.param("Asia/Tokyo", marks=FULL_TIER),
        pytest.param("UTC", marks=FULL_TIER),
    ],
)
def test_start_of_a_week_alone_restarts_nothing_for_admins_version(
    restarting: Scene, nowhere: pytest.MonkeyPatch, zone: str
) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "28")
    restarting.others.zone(zone)
    restarting.go_to(restarting.sunday() + timedelta(hours=1))  # the weekly timer's run is over
    rotate(restarting, "admin", SECRET)
    for _ in range(7):
        restarting.go(days=1, minutes=20)
        restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts() == []
    restarting.tick("WeeklyKeyRotation")
    restarting.go(hours=2)
    restarting.tick("KeyRotationCatchUp")
    assert restarting.restarts() == SITES
