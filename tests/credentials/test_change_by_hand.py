"""Manual changes of secrets that the rotation uses acquire its lock."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.credentials import change_lock
from sandbox import names
from tests.support import phrases
from tests.support.api import QUICK, Answer, Api
from tests.support.busy_storage import busy_storage
from tests.support.by_hand import DRY, FORCE, PLAIN, changes, fresh, recover, restore, set_secret
from tests.support.rotation.held_run import LOCKS, PATIENT, held_at, held_call, lock_row, relayed
from tests.support.rotation.instance import Instance
from tests.support.rotation.scene import ARM, CERTIFICATE, ENTRA, SECRET, TOKEN, VAULT, Scene
from tests.support.rotation.storage import Storage

DELETED = "00000000-0000-4000-8000-000000000001"  # a direct tenant's token
SITES = (names.MAIN_SITE, names.OFFLOAD_SITE)
SIGN_IN: dict[str, object] = {"host": ENTRA}


@pytest.fixture
def storage(scene: Scene, nowhere: pytest.MonkeyPatch) -> Iterator[Storage]:
    """CIPP's storage, through the relay."""
    with relayed(scene, nowhere) as relay:
        yield relay


@pytest.fixture
def impatient(nowhere: pytest.MonkeyPatch) -> None:
    """Make a change wait for the lock for one second instead of 20."""
    nowhere.setattr(change_lock, "WAIT_SECONDS", 1.0)


def old_token(scene: Scene) -> str:
    """Store a second token, and return the first one's version. Both can sign in."""
    first = str(scene.served(TOKEN)["version"])
    scene.others.store(TOKEN, fresh(scene, "RefreshToken"))
    return first


def deleted_token(scene: Scene) -> None:
    scene.others.store(DELETED, "a token")
    scene.others.delete(DELETED)


CHANGES: dict[str, Callable[[Scene, dict[str, object]], Answer]] = {
    "set": lambda scene, how: set_secret(TOKEN, scene.versions(TOKEN)[0]["value"], **how),
    "restore": lambda scene, how: restore(TOKEN, scene.versions(TOKEN)[0]["version"], **how),
    "recover": lambda _scene, how: recover(DELETED, **how),
    "set an identity": lambda _scene, how: set_secret("tenantid", names.TENANT_ID, **{**how, **FORCE}),
}


def stored(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Return the contents of the vault."""
    return {name: scene.versions(name) for name in (TOKEN, SECRET, PLAIN, DELETED, "TenantID")}


@pytest.mark.usefixtures("impatient")
@pytest.mark.each_value
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_change_is_refused_while_a_run_owns_the_lock_even_with_force(
    scene: Scene, nowhere: pytest.MonkeyPatch, change: str, *, force: bool
) -> None:
    old_token(scene)
    deleted_token(scene)
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run:
        before, began = stored(scene), time.monotonic()
        refused = CHANGES[change](scene, {"Force": True} if force else {})
        assert time.monotonic() - began >= 1
        assert refused.status == 409, refused.text
        assert f"Run {lock_row(scene)['RunId']} by admin@contoso.com" in refused.results
        assert phrases.NOTHING_CHANGED in refused.results.lower()
        assert stored(scene) == before
        scene.azure.faults([])
        assert run.result().status == 200
    assert CHANGES[change](scene, {"Force": force}).status == 200
    assert scene.others.rows(LOCKS) == []


@pytest.mark.usefixtures("impatient")
def test_change_is_refused_while_another_processs_run_owns_the_lock(scene: Scene) -> None:
    old = old_token(scene)
    environ = {**scene.azure.env, **QUICK, **PATIENT, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    with Instance(environ) as other:
        scene.azure.faults([{**SIGN_IN, "mode": "hold", "nth": 3}])
        other.begin(Names=[SECRET])
        scene.azure.wait_until_held()
        refused = restore(TOKEN, old, **FORCE)
        assert refused.status == 409, refused.text
        assert "by admin@contoso.com" in refused.results
        scene.azure.faults([])
        assert other.answer().status == 200
    assert restore(TOKEN, old).status == 200


def test_change_waits_for_a_run_that_finishes_soon(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    old = old_token(scene)
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run, ThreadPoolExecutor(1) as worker:
        change = worker.submit(restore, TOKEN, old)
        time.sleep(2)
        assert not change.done()
        scene.azure.faults([])
        assert run.result().status == 200
        assert change.result().status == 200, change.result().text
    assert scene.served(TOKEN)["tags"]["restored-from"] == old


@pytest.mark.usefixtures("impatient")
def test_run_is_refused_while_a_change_owns_the_lock(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    value = fresh(scene, "ClientSecret")
    with held_call(scene, nowhere, SIGN_IN, "ExecKeyVaultSecretSet", {"Name": SECRET, "Value": value}) as change:
        refused = Api().post("ExecKeyRotation", {"Names": [TOKEN]})
        assert refused.status == 409, refused.text
        assert f"by admin@contoso.com ({phrases.MANUAL_CHANGE})" in refused.results
        scene.azure.faults([])
        assert change.result().status == 200
    assert scene.value(SECRET) == value
    assert scene.others.rows(LOCKS) == []


@pytest.mark.compares_times
def test_lock_is_not_acquired_for_dry_runs_and_other_secrets(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    old_token(scene)
    deleted_token(scene)
    with held_at(scene, 3, nowhere, Names=[SECRET]):
        began = time.monotonic()
        for change in CHANGES.values():
            answer = change(scene, dict(DRY))
            assert answer.status == 200, answer.text
            assert not answer.results["WouldDo"][0].startswith("Refuse"), answer.text
        assert set_secret(PLAIN, "one").status == 200
        assert set_secret(PLAIN, "two").status == 200
        assert restore(PLAIN, str(scene.versions(PLAIN)[0]["version"])).status == 200
        scene.others.delete(PLAIN)
        assert recover(PLAIN).status == 200
        assert time.monotonic() - began < 15, "none of them waited"


@pytest.mark.usefixtures("impatient")
def test_lock_works_within_the_process_without_a_storage_account(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    old = old_token(scene)
    with held_at(scene, 3, nowhere, Names=[CERTIFICATE]) as run:
        assert restore(TOKEN, old, **FORCE).status == 409
        scene.azure.faults([])
        assert run.result().status == 200
    answer = restore(TOKEN, old)
    assert answer.status == 200
    assert "lock" not in " ".join(answer.results["Done"])


# The storage fails


@pytest.fixture(params=["silent", "refuses", "not configured"])
def broken(request: pytest.FixtureRequest, storage: Storage, nowhere: pytest.MonkeyPatch) -> Iterator[None]:
    """A storage that can't lock anything."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    with busy_storage(403, 0) as busy:
        if request.param == "silent":
            storage.silent.set()
        else:
            nowhere.setenv("CIPP_STORAGE", busy.connection_string if request.param == "refuses" else "nonsense")
        yield


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("change", ["set", "restore", "recover"])
def test_change_needs_force_when_the_storage_fails(scene: Scene, change: str) -> None:
    old_token(scene)
    deleted_token(scene)
    before = stored(scene)
    refused = CHANGES[change](scene, {})
    assert refused.status == 500, refused.text
    assert phrases.ROTATION_LOCK in refused.results
    assert "Force: true" in refused.results
    assert stored(scene) == before
    answer = CHANGES[change](scene, dict(FORCE))
    assert answer.status == 200, answer.text
    assert phrases.WITHOUT_LOCK in " ".join(answer.results["Done"])
    assert stored(scene) != before
    assert set_secret(PLAIN, "one").status == 200


@pytest.mark.usefixtures("impatient")
def test_force_is_refused_when_the_failed_storage_showed_a_run_before(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    old = old_token(scene)
    nowhere.setattr(change_lock, "WAIT_SECONDS", 4.0)
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    environ = {**scene.azure.env, **QUICK, **PATIENT, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    with Instance(environ) as other, ThreadPoolExecutor(1) as worker:
        scene.azure.faults([{**SIGN_IN, "mode": "hold", "nth": 3}])
        other.begin(Names=[SECRET])
        scene.azure.wait_until_held()
        change = worker.submit(restore, TOKEN, old, **FORCE)
        time.sleep(1.5)
        assert any(f"GET /devstoreaccount1/{LOCKS}(" in call for call in storage.calls)
        storage.silent.set()
        refused = change.result()
        assert refused.status == 409, refused.text
        assert "by admin@contoso.com" in refused.results
        scene.azure.faults([])
        assert other.answer().status == 200


# The lock is lost before the write


def take_lock(scene: Scene) -> None:
    """Make another run acquire the lock. A lock that was renewed less than two seconds ago is trusted."""
    scene.others.row(LOCKS, "lock", str(lock_row(scene)["RowKey"]), RunId="another", By="another")
    time.sleep(2.1)


def test_change_stores_nothing_when_another_run_has_acquired_the_lock(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    value, before = fresh(scene, "ClientSecret"), scene.versions(SECRET)
    with held_call(scene, nowhere, SIGN_IN, "ExecKeyVaultSecretSet", {"Name": SECRET, "Value": value}) as change:
        take_lock(scene)
        scene.azure.faults([])
        refused = change.result()
    assert refused.status == 409, refused.text
    assert f"{phrases.NOTHING_STORED}: " in refused.results
    assert scene.versions(SECRET) == before
    assert lock_row(scene)["RunId"] == "another"


@pytest.mark.each_value
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("change", ["recover", "restore"])
def test_secret_is_unchanged_when_another_run_has_acquired_the_lock(
    scene: Scene, nowhere: pytest.MonkeyPatch, change: str, *, force: bool
) -> None:
    """A deleted one is not recovered, and a disabled version is not enabled."""
    old = old_token(scene)
    scene.others.disable(TOKEN, old)
    deleted_token(scene)
    before, written = stored(scene), len(changes(scene))
    fault, endpoint, body = {
        "recover": ({"path": "^/secrets/?$"}, "ExecKeyVaultSecretRecover", {"Name": DELETED}),
        "restore": (
            {"path": f"/secrets/{TOKEN}/versions$"},
            "ExecKeyVaultSecretRestore",
            {"Name": TOKEN, "Version": old},
        ),
    }[change]
    with held_call(scene, nowhere, {"host": VAULT, **fault}, endpoint, {**body, "Force": force}) as call:
        take_lock(scene)
        scene.azure.faults([])
        refused = call.result()
    assert refused.status == 409, refused.text
    assert f"{phrases.NOTHING_STORED}: " in refused.results
    assert len(changes(scene)) == written
    assert stored(scene) == before


@pytest.mark.parametrize("force", [False, True])
def test_change_needs_force_when_the_storage_times_out_before_the_write(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch, *, force: bool
) -> None:
    old = old_token(scene)
    body: dict[str, object] = {"Name": TOKEN, "Version": old, "Force": force}
    fault: dict[str, object] = {"host": VAULT, "path": f"/secrets/{TOKEN}/{old}$"}
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "4")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "5")
    with held_call(scene, nowhere, fault, "ExecKeyVaultSecretRestore", body) as change:
        storage.silent.set()
        time.sleep(2.1)
        scene.azure.faults([])
        answer = change.result()
    if force:
        assert answer.status == 200, answer.text
        assert phrases.WITHOUT_LOCK in " ".join(answer.results["Done"])
        assert phrases.LOCK_NOT_RENEWED in " ".join(answer.results["Done"])
    else:
        assert answer.status == 409, answer.text
        assert phrases.NOTHING_STORED in answer.results
        assert phrases.LOCK_NOT_RENEWED in answer.results
    assert (scene.served(TOKEN)["tags"].get("restored-from") == old) == force


# A run that removes an old secret


@pytest.fixture
def over_due(scene: Scene, nowhere: pytest.MonkeyPatch) -> str:
    """Create two client secrets by this app, and return the version of the first. The next run removes it."""
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")
    scene.rotate(SECRET, force=True)
    old = str(scene.served(SECRET)["version"])
    scene.go(days=2)
    scene.rotate(SECRET, force=True)
    scene.go(seconds=2)
    for site in SITES:
        scene.others.restart(site)
    scene.go(days=31)
    return old


def test_restore_refuses_a_secret_that_a_run_has_removed(
    scene: Scene, over_due: str, nowhere: pytest.MonkeyPatch
) -> None:
    processes: dict[str, object] = {"host": ARM, "path": "/processes"}
    rotating = held_call(scene, nowhere, processes, "ExecKeyRotation", {"Names": [SECRET]})
    with rotating as run, ThreadPoolExecutor(1) as worker:
        change = worker.submit(restore, SECRET, over_due)
        time.sleep(1)
        assert not change.done()
        scene.azure.faults([])
        assert run.result().status == 200
        answer = change.result()
    assert answer.status == 409, answer.text
    assert phrases.CANT_SIGN_IN in answer.results
    assert len(scene.secrets_on_app()) == 2
    assert scene.signs_in()


def test_run_keeps_a_secret_that_was_restored_before_it(scene: Scene, over_due: str) -> None:
    credential = next(one["tags"]["credential-id"] for one in scene.versions(SECRET) if one["version"] == over_due)
    assert restore(SECRET, over_due).status == 200
    assert scene.served(SECRET)["tags"] == {"restored-from": over_due, "credential-id": credential}
    scene.rotate(SECRET)
    assert len(scene.secrets_on_app()) == 3
    assert scene.signs_in()
