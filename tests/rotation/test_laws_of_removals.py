"""A run reads the state before a removal, and checks the lock before each write. Changes by others win."""

import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from backend.cipp import row_lock
from backend.concurrency import background
from sandbox import names
from tests.support import phrases
from tests.support.api import Answer
from tests.support.rotation.scene import ARM, CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of
from tests.support.sandbox.certificate import Certificate

SITES = (names.MAIN_SITE, names.OFFLOAD_SITE)
LOCKS = "CippBackendLocks"
CIPPS, ORPHAN = Certificate(), Certificate()
AT_PROCESSES = {"host": ARM, "path": "/processes$"}
AT_LOOK = {"host": GRAPH, "method": "GET", "path": r"applications\(appId"}
AT_POLICY = {"host": GRAPH, "method": "GET", "path": "anagementPolic"}
HEX = secrets.token_hex(6)


@pytest.fixture(autouse=True)
def strict(nowhere: pytest.MonkeyPatch) -> None:
    """The lock is renewed before each write, however young; no client secret is due."""
    nowhere.setattr(row_lock, "FRESH", timedelta())
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")


@contextmanager
def held(scene: Scene, fault: dict[str, Any], *key_names: str, **body: object) -> Iterator["Future[Answer]"]:
    """Run, and hold the run at a call."""
    api = scene.api()
    scene.azure.faults([{"mode": "hold", **fault}])
    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(api.post, "ExecKeyRotation", {**({"Names": key_names} if key_names else {}), **body})
        try:
            assert scene.azure.wait_until_held(or_else=run.done), run.result().text
            yield run
        finally:
            scene.azure.faults([])


def take_lock(scene: Scene) -> None:
    """Let another run take the lock."""
    (row,) = scene.others.rows(LOCKS)
    scene.others.row(LOCKS, "lock", str(row["RowKey"]), RunId="another", By="another")


def warnings_of(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    return " ".join(answer.results["Warnings"])


def secret_ids(scene: Scene) -> list[str]:
    return [one["keyId"] for one in scene.secrets_on_app()]


def add_an_orphan(scene: Scene, key: str) -> None:
    """Put a credential of this app on the app that no version names, an hour old."""
    name, began = f"CIPP Backend {names.VAULT} {HEX}", f"{scene.now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    if key == SECRET:
        scene.others.add_secret(name, startDateTime=began)
        return
    there = scene.others.app("keyCredentials")["keyCredentials"]
    added = {**ORPHAN.entry(), "displayName": name, "startDateTime": began}
    scene.others.patch_app(keyCredentials=[*there, added])


@pytest.fixture
def retiring(scene: Scene) -> Scene:
    """Two client secrets of this app, of which the older one is to be removed: the overlap is over, CIPP restarted."""
    for _ in range(2):
        assert scene.report(SECRET, force=True)["Outcome"] == "rotated"
        scene.go(days=2)
    for site in SITES:
        scene.others.restart(site)
    scene.go(days=31)
    return scene


# Look again before a removal


@pytest.mark.parametrize("place", [AT_PROCESSES, AT_LOOK])
def test_superseded_secret_stays_when_it_is_stored_again_meanwhile(retiring: Scene, place: dict[str, Any]) -> None:
    old = retiring.versions(SECRET)[-2]
    with held(retiring, place, SECRET) as run:
        retiring.others.store(SECRET, old["value"])
        retiring.azure.faults([])
        warnings = warnings_of(run.result())
    assert old["tags"]["credential-id"] in secret_ids(retiring)
    assert retiring.value(SECRET) == old["value"]
    assert retiring.signs_in()
    if place is AT_PROCESSES:
        assert phrases.CHANGED_MEANWHILE in warnings
    retiring.go(hours=1)
    retiring.rotate(SECRET)
    assert retiring.signs_in()


@pytest.mark.parametrize("place", [AT_PROCESSES, AT_LOOK])
def test_served_secret_signs_in_when_a_superseded_one_is_restored_meanwhile(
    retiring: Scene, nowhere: pytest.MonkeyPatch, place: dict[str, Any]
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")  # for which a restore tries to sign in
    old = retiring.versions(SECRET)[-2]
    body = {"Name": SECRET, "Version": old["version"]}
    with held(retiring, place, SECRET) as run, ThreadPoolExecutor(1) as admin:
        restored = admin.submit(retiring.api().post, "ExecKeyVaultSecretRestore", body)
        wait([restored], 0.5)
        assert not restored.done() or restored.result().status == 409  # the run has the lock
        retiring.azure.faults([])
        assert run.result().status == 200
        assert restored.result().status in (200, 409)  # the run may have the lock, or have removed the credential
    assert retiring.signs_in()
    retiring.go(hours=1)
    retiring.rotate(SECRET)
    assert retiring.signs_in()


def test_superseded_secret_is_removed_when_nothing_changed_meanwhile(retiring: Scene) -> None:
    old = retiring.versions(SECRET)[-2]
    assert retiring.report(SECRET)["Outcome"] == "unchanged"
    assert old["tags"]["credential-id"] not in secret_ids(retiring)


def test_superseded_certificate_stays_when_it_is_stored_again_meanwhile(scene: Scene) -> None:
    for _ in range(2):
        scene.rotate(CERTIFICATE, force=True)
        scene.go(hours=2)
    for site in SITES:
        scene.others.restart(site)
    scene.go(days=31)
    old = scene.versions(CERTIFICATE)[-2]
    with held(scene, AT_PROCESSES, CERTIFICATE) as run:
        scene.others.store(CERTIFICATE, old["value"])
        scene.azure.faults([])
        assert phrases.CHANGED_MEANWHILE in warnings_of(run.result())
    assert scene.calls(GRAPH, "POST", "/removeKey") == []
    assert scene.certificate_signs_in()


# A deleted token


AT_FIRST_READ = {"host": VAULT, "method": "GET", "path": "^/secrets/.+-.+-.+-.+-"}
AT_SIGN_IN = {"host": ENTRA, "body": "grant_type=refresh_token", "nth": 2}
AT_STORE = {"host": VAULT, "method": "PUT"}


@pytest.mark.each_value
@pytest.mark.parametrize("lag_seconds", [0, 600])
@pytest.mark.parametrize("place", [AT_FIRST_READ, AT_SIGN_IN, AT_STORE])
def test_tenants_token_stays_deleted_when_it_is_deleted_during_the_run(
    scene: Scene, place: dict[str, Any], lag_seconds: float
) -> None:
    """Also where the vault's list still shows it."""
    scene.others.reset(propagation_seconds=0, direct_tenants=1, vault_list_lag_seconds=lag_seconds)
    tenant = scene.tenants()[0]
    with held(scene, place, tenant) as run:
        scene.others.delete(tenant)
        scene.azure.faults([])
        key = key_of(run.result().results["Keys"], tenant)
    assert scene.tenants() == []
    if lag_seconds == 0 or place is not AT_FIRST_READ:
        assert key["Outcome"] == "unchanged", key
        assert phrases.STAYS_DELETED in key["Reason"]
        assert "Another version" not in key["Reason"]
    assert len(scene.calls(VAULT, "PUT", f"/secrets/{tenant}")) <= 1
    assert len(scene.calls(ENTRA, body="grant_type=refresh_token")) <= 2
    scene.go(hours=1)
    scene.tick("KeyRotationCatchUp")
    assert scene.tenants() == []


# The lock before each write


@pytest.mark.parametrize(("key", "removal"), [(SECRET, "/removePassword"), (CERTIFICATE, "/removeKey")])
def test_lost_lock_lets_a_run_remove_nothing(scene: Scene, key: str, removal: str) -> None:
    scene.rotate(SECRET)
    scene.rotate(CERTIFICATE)
    add_an_orphan(scene, key)
    with held(scene, AT_PROCESSES, key) as run:
        take_lock(scene)
        scene.azure.faults([])
        answer = run.result()
    assert scene.calls(GRAPH, "POST", removal) == []
    assert phrases.LOCK_TAKEN in warnings_of(answer)
    scene.others.clear_tables()
    scene.rotate(key)
    assert len(scene.calls(GRAPH, "POST", removal)) == 1


def test_lost_lock_is_one_warning_when_more_is_to_be_tidied(scene: Scene) -> None:
    scene.rotate(SECRET)
    for _ in range(3):
        add_an_orphan(scene, SECRET)
    with held(scene, AT_PROCESSES, SECRET) as run:
        take_lock(scene)
        scene.azure.faults([])
        assert warnings_of(run.result()).count(phrases.LOCK_TAKEN) == 1


@pytest.mark.parametrize(
    ("key", "given", "write"),
    [
        (SECRET, None, ("POST", "/addPassword")),
        (CERTIFICATE, None, ("PATCH", "/applications")),
        (CERTIFICATE, CIPPS, ("POST", "/addKey")),
    ],
)
def test_lost_lock_lets_a_run_create_no_credential(
    scene: Scene, key: str, given: Certificate | None, write: tuple[str, str]
) -> None:
    if given:
        scene.others.give_certificate(given)
    before = scene.secrets_on_app(), scene.certificates_on_app()
    with held(scene, AT_POLICY, key, Force=True) as run:
        written = len(scene.calls(GRAPH, *write))
        take_lock(scene)
        scene.azure.faults([])
        (report,) = run.result().results["Keys"]
    assert report["Outcome"] == "postponed"
    assert len(scene.calls(GRAPH, *write)) == written
    assert (scene.secrets_on_app(), scene.certificates_on_app()) == before


def test_lost_lock_leaves_a_new_secret_that_does_not_sign_in(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    with held(scene, {"host": ENTRA, "nth": 2}, SECRET, Force=True) as run:
        take_lock(scene)
        scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 7000215, "times": 0}])
        (report,) = run.result().results["Keys"]
    assert report["Outcome"] != "rotated"
    assert phrases.STILL_ON_APP in report["Reason"]
    assert scene.calls(GRAPH, "POST", "/removePassword") == []


@pytest.mark.parametrize("key", [TOKEN, SECRET])
def test_lost_lock_lets_a_run_disable_nothing(scene: Scene, nowhere: pytest.MonkeyPatch, key: str) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "1")
    scene.midweek()
    for _ in range(3):
        assert scene.report(key, force=True)["Outcome"] == "rotated"
        scene.go(hours=2)
    scene.go(days=1)
    with held(scene, {"host": VAULT, "path": f"/secrets/{key}/versions$"}, key) as run:
        take_lock(scene)
        scene.azure.faults([])
        answer = run.result()
    assert all(version["enabled"] for version in scene.versions(key)), answer.text
    assert phrases.LOCK_TAKEN in warnings_of(answer)
    scene.others.clear_tables()
    scene.rotate(key)
    assert [version["enabled"] for version in scene.versions(key)] == [True, False, True, True]


def test_lost_lock_lets_a_run_not_lock_the_service_principals(scene: Scene) -> None:
    scene.others.store(SECRET, scene.others.add_secret("By an admin")["secretText"])
    patched = len(scene.calls(GRAPH, "PATCH"))
    with held(scene, AT_LOOK, SECRET) as run:
        take_lock(scene)
        scene.azure.faults([])
        assert phrases.LOCK_TAKEN in warnings_of(run.result())
    assert len(scene.calls(GRAPH, "PATCH")) == patched


@pytest.mark.parametrize("key", [TOKEN, SECRET, CERTIFICATE])
def test_store_checks_the_lock_before_it_reads_the_vault_again(scene: Scene, key: str) -> None:
    assert scene.report(key)["Outcome"] == "rotated"
    calls = [f"{call['method']} {call['path']}" for call in scene.azure.calls(tables=True)]
    stored = calls.index(f"PUT /secrets/{key}")
    renewed = max(i for i, call in enumerate(calls[:stored]) if call.startswith("PATCH") and LOCKS in call)
    looked = max(i for i, call in enumerate(calls[:stored]) if call.startswith(f"GET /secrets/{key}/"))
    assert renewed < looked < stored
    assert stored - renewed < 8


def test_removal_checks_the_lock_before_it_reads_the_vault_again(retiring: Scene) -> None:
    retiring.rotate(SECRET)
    calls = [f"{call['method']} {call['path']}" for call in retiring.azure.calls(tables=True)]
    removed = next(i for i, call in enumerate(calls) if call.endswith("/removePassword"))
    renewed = max(i for i, call in enumerate(calls[:removed]) if call.startswith("PATCH") and LOCKS in call)
    looked = max(i for i, call in enumerate(calls[:removed]) if f"/secrets/{SECRET}/versions" in call)
    assert renewed < looked < removed


def test_lost_lock_postpones_the_rest_of_the_run(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """Another run does it, so nothing failed, and nothing is signed in with again."""
    nowhere.setattr(background, "KEYS", 1)
    scene.others.reset(propagation_seconds=0, direct_tenants=3)
    rest = [SECRET, CERTIFICATE]
    with held(scene, {"host": ENTRA, "body": "grant_type=refresh_token", "times": 0}) as run:
        take_lock(scene)
        scene.azure.faults([])
        begun, looked = len(scene.calls(ENTRA, body="client_credentials")), len(scene.calls(GRAPH))
        keys = run.result().results["Keys"]
    assert {key["Name"]: key["Outcome"] for key in keys if key["Name"] in rest} == dict.fromkeys(rest, "postponed")
    assert {key["Outcome"] for key in keys} == {"postponed"}
    assert all(phrases.LOCK_TAKEN in key["Reason"] for key in keys)
    assert len(scene.calls(ENTRA, body="client_credentials")) == begun
    assert len({call["path"] for call in scene.calls(ENTRA, body="grant_type=refresh_token")}) == 1
    assert not scene.calls(VAULT, "PUT")
    assert len(scene.calls(GRAPH)) == looked
    assert all(key_of(scene.overview()["Keys"], name)["Problems"] == [] for name in (TOKEN, SECRET))
    assert not [row for row in scene.others.rows("CippLogs") if row["Severity"] == "Critical"]
