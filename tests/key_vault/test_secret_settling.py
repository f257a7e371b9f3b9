"""Calls wait for a secret that the vault still recovers or deletes. After a limit, they state the current version."""

import time

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.by_hand import PLAIN, changes, recover, restore, set_secret
from tests.support.rotation.others import Others
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, VAULT, Scene
from tests.support.sandbox_client import Sandbox

CODES = ["ObjectIsBeingRecovered", "ObjectIsBeingDeleted"]


@pytest.fixture
def scene(azure: Sandbox) -> Scene:
    azure.reset(propagation_seconds=0, direct_tenants=1)
    return Scene(azure, Others(azure))


def slow(scene: Scene, seconds: float) -> None:
    scene.azure.reset(propagation_seconds=0, direct_tenants=1, vault_recovery_seconds=seconds)


def settling(code: str, method: str, path: str = f"/secrets/{PLAIN}", times: int = 2) -> dict[str, object]:
    return {"host": VAULT, "method": method, "path": path, "mode": "refuse", "code": code, "times": times}


def test_store_on_a_deleted_name_waits_for_its_recovery(scene: Scene) -> None:
    slow(scene, 3)
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    answer = set_secret(PLAIN, "two")
    assert answer.status == 200, answer.text
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]


def test_manual_recovery_waits_and_states_the_current_version(scene: Scene) -> None:
    slow(scene, 4)
    version = scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert f"Version {version} of '{PLAIN}'" in answer.results["Done"][0]
    assert phrases.IS_CURRENT in answer.results["Done"][0]
    assert set_secret(PLAIN, "two").status == 200
    assert scene.value(PLAIN) == "two"


@pytest.mark.parametrize("code", CODES)
def test_manual_change_waits_until_the_vault_accepts_it(scene: Scene, code: str) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    for method in ("PUT", "PATCH", "GET"):
        scene.azure.faults([settling(code, method)])
        answer = restore(PLAIN, old)
        assert answer.status == 200, answer.text
        assert scene.value(PLAIN) == "one"
        scene.others.store(PLAIN, "two")
    assert Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}").status == 200


@pytest.mark.compares_times
@pytest.mark.parametrize("code", CODES)
def test_store_states_the_current_version_when_the_vault_refuses_too_long(
    scene: Scene, nowhere: pytest.MonkeyPatch, code: str
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    version = scene.others.store(PLAIN, "one")
    scene.azure.faults([settling(code, "PUT", times=0)])
    began = time.monotonic()
    answer = set_secret(PLAIN, "two")
    assert time.monotonic() - began < 8
    assert (answer.status, answer.body["azureStatus"]) == (500, 409), answer.text
    assert answer.body["azureCode"] == f"Conflict/{code}"
    assert phrases.NOTHING_STORED in answer.results
    assert f"Version {version} of '{PLAIN}'" in answer.results
    assert "two" not in answer.text
    assert scene.value(PLAIN) == "one"


def test_store_states_the_current_version_when_a_recovery_takes_too_long(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    slow(scene, 60)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    answer = set_secret(PLAIN, "two")
    assert answer.status == 500
    assert f"'{PLAIN}' {phrases.WAS_DELETED}, {phrases.RECOVERY_STARTED}" in answer.results
    assert f"{phrases.NOT_SHOWN} '{PLAIN}' now" in answer.results
    assert "two" not in answer.text
    scene.azure.advance(31)
    assert phrases.IS_CURRENT in set_secret(PLAIN, "two").results
    scene.azure.advance(30)
    assert set_secret(PLAIN, "two").status == 200
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]


def test_recovery_succeeds_when_one_is_in_progress(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    busy = settling("ObjectIsBeingRecovered", "POST", f"/deletedsecrets/{PLAIN}/recover", times=1)
    scene.azure.faults([busy | {"mode": "refuse-then-do"}])
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert scene.value(PLAIN) == "one"


def test_recovery_waits_while_the_secret_is_being_deleted(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    scene.azure.faults([settling("ObjectIsBeingDeleted", "POST", f"/deletedsecrets/{PLAIN}/recover", times=2)])
    assert recover(PLAIN).status == 200
    assert scene.value(PLAIN) == "one"


# The rotation


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_rotation_stores_a_key_when_the_vault_accepts_it_later(scene: Scene, code: str, method: str) -> None:
    scene.go(minutes=10)
    scene.azure.faults(
        [settling(code, method, f"/secrets/({TOKEN}|{SECRET}|{scene.tenants()[0]})", times=4) | {"nth": 3}]
    )
    assert {key["Outcome"] for key in scene.rotate()["Keys"]} == {"rotated"}
    assert all(len(scene.versions(name)) == 2 for name in (TOKEN, SECRET))


def test_rotation_stores_a_certificate_over_a_deleted_one(scene: Scene) -> None:
    slow(scene, 4)
    scene.others.store(CERTIFICATE, "not one")
    scene.others.delete(CERTIFICATE)
    assert {key["Outcome"] for key in scene.rotate()["Keys"]} == {"rotated"}
    assert len(scene.versions(CERTIFICATE)) == 2


@pytest.mark.compares_times
def test_rotation_postpones_a_key_when_the_vault_refuses_too_long(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "10")
    scene.azure.faults([settling("ObjectIsBeingRecovered", "PUT", f"/secrets/{TOKEN}$", times=0)])
    began = time.monotonic()
    report = next(key for key in scene.rotate()["Keys"] if key["Name"] == TOKEN)
    assert time.monotonic() - began < 12
    assert report["Outcome"] == "postponed"
    assert phrases.RECOVERING in report["Reason"]
    assert scene.redeems(TOKEN)
    scene.azure.faults([])
    nowhere.delenv("KEY_ROTATION_TIME_LIMIT_SECONDS")
    scene.rotate()
    assert len(scene.versions(TOKEN)) == 2
    assert changes(scene)
