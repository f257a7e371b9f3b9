"""Versions of secrets, and manual restores and recoveries. A key must sign in, and values are never returned."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.support.by_hand import DRY, FORCE, KINDS, PLAIN, changes, fresh, name_of, recover, restore, useless
from tests.support.rotation.others import Others
from tests.support.rotation.scene import SECRET, TOKEN, VAULT, Scene
from tests.support.sandbox_client import Sandbox

FIELDS = {"Version", "Enabled", "Current", "Created", "Updated", "Expires", "ContentType", "RotatedBy", "RestoredFrom"}


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant and short waits. Faults are removed after the test."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Scene(azure, Others(azure))
    azure.faults([])


# Versions


def test_the_versions_are_listed_the_current_one_first_without_values(scene: Scene) -> None:
    ids = [scene.others.store(PLAIN, f"hush-hush-{n}", tags={"rotated-by": "me"}, contentType="text") for n in range(3)]
    scene.others.disable(PLAIN, ids[0])
    answer = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN.upper()}")
    assert answer.status == 200, answer.text
    assert [set(one) for one in answer.results] == [FIELDS] * 3
    assert {one["Version"] for one in answer.results} == set(ids)
    assert answer.results[0]["Version"] == ids[-1]
    assert [one["Current"] for one in answer.results] == [True, False, False]
    assert {one["Version"]: one["Enabled"] for one in answer.results} == dict(
        zip(ids, [False, True, True], strict=True)
    )
    assert (answer.results[0]["RotatedBy"], answer.results[0]["ContentType"]) == ("me", "text")
    assert "hush-hush" not in answer.text


def test_versions_of_a_missing_secret_are_not_found(scene: Scene) -> None:
    assert Api().get("ListKeyVaultSecretVersions?Name=nothing").status == 404
    assert Api().get("ListKeyVaultSecretVersions").body["field"] == "Name"
    assert Api().get("ListKeyVaultSecretVersions?Name=a_b").body["field"] == "Name"
    assert len(scene.calls(VAULT)) <= 3  # a challenge, one list and one read


# Restore


def test_restored_version_becomes_current_and_names_its_source(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "hush-hush", contentType="text/plain", attributes={"exp": 2_000_000_000})
    scene.others.store(PLAIN, "two")
    answer = restore(PLAIN, old.upper())
    assert answer.status == 200, answer.text
    served = scene.served(PLAIN)
    assert (served["value"], served["contentType"]) == ("hush-hush", "text/plain")
    assert served["expires"] == "2033-05-18T03:33:20Z"
    assert served["tags"]["restored-from"] == old
    assert answer.results["Version"] == served["version"]
    assert len(scene.versions(PLAIN)) == 3
    assert "hush-hush" not in answer.text
    shown = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}").results
    assert (shown[0]["RestoredFrom"], shown[0]["Current"]) == (old, True)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Certificate"])
def test_old_key_that_cannot_sign_in_is_restored_only_with_force(scene: Scene, kind: str) -> None:
    name, last = name_of(scene, kind), fresh(scene, kind)
    good = scene.others.store(name, fresh(scene, kind))
    bad = scene.others.store(name, useless(kind))
    scene.others.store(name, last)
    answer = restore(name, good)
    assert answer.status == 200, answer.text
    assert answer.results["Proven"] is True
    before = scene.versions(name)
    refused = restore(name, bad)
    assert refused.status == 409, refused.text
    assert phrases.CANT_SIGN_IN in refused.results
    assert scene.versions(name) == before
    forced = restore(name, bad, **FORCE)
    assert (forced.status, forced.results["Proven"]) == (200, False)
    assert "Force" in forced.results["Done"][0]


def test_a_disabled_version_is_enabled_for_the_read_and_disabled_again(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    answer = restore(PLAIN, old)
    assert answer.status == 200, answer.text
    assert [(version["value"], version["enabled"]) for version in scene.versions(PLAIN)] == [
        ("one", False),
        ("two", True),
        ("one", True),
    ]


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize("place", ["read", "enable"])
def test_disabled_version_stays_disabled_when_it_cannot_be_read(
    scene: Scene, fault: dict[str, Any], place: str
) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    on = {"read": {"method": "GET", "times": 0}, "enable": {"method": "PATCH", "body": '"enabled": *true', "times": 0}}
    scene.azure.faults([{"host": VAULT, "path": f"/secrets/{PLAIN}/{old}$", **on[place], **fault}])
    started = time.monotonic()
    check_told(restore(PLAIN, old), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert [(version["value"], version["enabled"]) for version in scene.versions(PLAIN)] == [
        ("one", False),
        ("two", True),
    ]


def test_version_that_could_not_be_disabled_again_is_reported(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    disable = {"host": VAULT, "method": "PATCH", "body": '"enabled": *false', "times": 0}
    scene.azure.faults(
        [
            {**disable, "mode": "refuse", "status": 403},
            {"host": VAULT, "method": "GET", "path": f"/{old}$", "times": 0, "mode": "refuse", "status": 403},
        ]
    )
    answer = restore(PLAIN, old)
    assert answer.status == 500
    assert f"Version {old} {phrases.MAY_BE_ENABLED}" in answer.results


def test_dry_run_of_a_restore_does_not_enable_a_disabled_version(scene: Scene) -> None:
    old = scene.others.store(SECRET, scene.value(SECRET))
    scene.others.store(SECRET, fresh(scene, "ClientSecret"))
    assert phrases.CAN_SIGN_IN in restore(SECRET, old, **DRY).results["WouldDo"][0]
    scene.others.disable(SECRET, old)
    before, done = scene.versions(SECRET), len(changes(scene))
    would_do = " ".join(restore(SECRET, old, **DRY).results["WouldDo"])
    assert "Enable version" in would_do
    assert "Sign in" in would_do
    assert scene.versions(SECRET) == before
    assert len(changes(scene)) == done


def test_refused_restore_states_the_reason(scene: Scene) -> None:
    current = scene.others.store(PLAIN, "one")
    assert restore(PLAIN, current).status == 409
    unknown = restore(PLAIN, "0" * 32)
    assert unknown.status == 404
    assert "ListKeyVaultSecretVersions" in unknown.results
    assert restore("nothing", current).status == 404
    assert restore(PLAIN, "../..").status == 404
    assert len(scene.versions(PLAIN)) == 1


# Recover


def test_a_deleted_secret_is_recovered_with_all_its_versions(scene: Scene) -> None:
    for text in ("one", "two"):
        scene.others.store(PLAIN, text)
    scene.others.delete(PLAIN)
    dry = recover(PLAIN, **DRY)
    assert "Recover" in dry.results["WouldDo"][0]
    assert scene.versions(PLAIN) == []
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]
    assert answer.results["Proven"] is None


def test_secret_that_is_not_deleted_cannot_be_recovered(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    assert recover(PLAIN.lower()).status == 409
    assert recover("nothing").status == 404
    (step,) = recover(PLAIN.lower(), **DRY).results["WouldDo"]
    assert step.startswith("Refuse: ")
    assert recover("nothing", **DRY).status == 404


def test_recovery_reports_whether_the_key_can_sign_in(scene: Scene) -> None:
    scene.others.delete(TOKEN)
    answer = recover(TOKEN)
    assert (answer.status, answer.results["Proven"]) == (200, True)
    scene.others.store(SECRET, "abc8Q~dead")
    scene.others.delete(SECRET)
    answer = recover(SECRET)
    assert (answer.status, answer.results["Proven"]) == (200, False)
    assert phrases.NOT_VERIFIED in answer.results["Done"][0]
    scene.others.delete(SECRET)
    assert "Force" in recover(SECRET, **FORCE).results["Done"][0]


def test_slow_recovery_is_reported(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    scene.azure.faults(
        [{"host": VAULT, "method": "GET", "path": f"/secrets/{PLAIN}/", "mode": "refuse", "status": 404, "times": 0}]
    )
    answer = recover(PLAIN)
    assert answer.status == 500
    assert phrases.CHECK_LATER in answer.results
