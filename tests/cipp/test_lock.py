"""One run at a time: the laws of the lock, in real table storage."""

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from backend.azure.clients import Clients
from backend.cipp.owned_lock import LostLockError
from backend.cipp.row_lock import RowLock, row_lock
from backend.errors import NotFoundError
from tests.support import phrases
from tests.support.api import QUICK, Api
from tests.support.rotation.held_run import LOCKS, PATIENT, PROOF, held_at, lock_row, relayed
from tests.support.rotation.instance import Instance
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene
from tests.support.rotation.storage import Storage

SINCE = re.compile(r" since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.")
WRITES = ("PUT", "PATCH", "DELETE")

AGED = timedelta(seconds=0.3)
PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 30.0


@pytest.fixture
def environ(scene: Scene) -> dict[str, str]:
    """The environment of another process."""
    return {**scene.azure.env, **QUICK, **PATIENT, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


@pytest.fixture
def storage(scene: Scene, nowhere: pytest.MonkeyPatch) -> Iterator[Storage]:
    """CIPP's storage by way of the relay."""
    with relayed(scene, nowhere) as relay:
        yield relay


def trust_briefly(patch: pytest.MonkeyPatch) -> None:
    """Let a write trust a lock for a tenth of a second after its renewal, and not two seconds."""
    patch.setattr("backend.cipp.row_lock.FRESH", AGED / 3)


def age() -> None:
    """Wait until a lock was renewed longer ago than a write trusts."""
    time.sleep(AGED.total_seconds())


@contextmanager
def idle_lock(nowhere: pytest.MonkeyPatch) -> Iterator[RowLock]:
    """Yield a lock of this process that was renewed longer ago than a write trusts."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.3")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    trust_briefly(nowhere)
    with row_lock(Clients(os.environ), "rotation", run_id="mine", by="a test") as lock:
        age()
        yield lock


def writes(scene: Scene) -> list[str]:
    """Return what was written to the vault and to Graph."""
    return [
        f"{call['method']} {call['path']}"
        for call in scene.azure.calls()
        if call["method"] in WRITES or (call["method"] == "POST" and call["host"] == "graph.microsoft.com")
    ]


def test_second_run_of_the_process_learns_the_owner_and_its_start(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 2, nowhere) as first:
        second = Api().post("ExecKeyRotation", {})
        assert second.status == 409
        assert f"Run {lock_row(scene)['RunId']} by admin@contoso.com {phrases.HAS_LOCK}" in second.text
        assert SINCE.search(second.text)
        scene.azure.faults([])
        assert first.result().status == 200


def test_wrong_name_is_refused_while_another_run_has_the_lock(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 2, nowhere) as first:
        assert Api().post("ExecKeyRotation", {"Names": ["NoSuchKey"]}).status == 404
        assert Api().post("ExecKeyRotation", {"Names": ["ApplicationID"]}).status == 400
        assert Api().post("ExecKeyRotation", {"Names": [TOKEN]}).status == 409
        scene.azure.faults([])
        assert first.result().status == 200


@pytest.mark.parametrize("endpoint", ["ExecKeyProof", "ListKeyRotations", "ExecKeyRotation", "a dry run"])
def test_hanging_storage_does_not_delay_responses_for_long(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch, endpoint: str
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "3")  # a sixth of what is so without these settings
    api = Api()
    storage.silent.set()
    began = time.monotonic()
    if endpoint.startswith("List"):
        answer = api.get(endpoint)
    else:
        dry = endpoint == "a dry run"
        answer = api.post("ExecKeyRotation" if dry else endpoint, {"DryRun": True} if dry else {})
    took = time.monotonic() - began
    assert answer.status == (500 if endpoint == "ExecKeyRotation" else 200), answer.text
    assert took < 2 * 3 + 2, "two waits for the storage would take longer than 20 s"
    assert scene.versions(SECRET)[1:] == []


def test_second_process_learns_the_owner_and_its_start(
    scene: Scene, nowhere: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    with Instance(environ) as other, held_at(scene, 2, nowhere) as first:
        second = other.rotate()
        assert second.status == 409
        assert f"Run {lock_row(scene)['RunId']} by admin@contoso.com {phrases.HAS_LOCK}" in second.text
        assert SINCE.search(second.text)
        assert other.rotate(DryRun=True).status == 200
        scene.azure.faults([])
        assert first.result().status == 200
        assert other.rotate().status == 200
    assert scene.others.rows(LOCKS) == []


def test_only_one_of_two_concurrent_processes_runs(scene: Scene, environ: dict[str, str]) -> None:
    with Instance(environ) as one, Instance(environ) as another:
        one.begin()
        another.begin()
        answers = [one.answer(), another.answer()]
    assert {answer.status for answer in answers} <= {200, 409}
    rotated = [
        key["Name"]
        for answer in answers
        if answer.status == 200
        for key in answer.results["Keys"]
        if key["Outcome"] == "rotated"
    ]
    assert sorted(rotated) == sorted([TOKEN, SECRET, CERTIFICATE, *scene.tenants()])
    assert [len(scene.versions(name)) for name in (TOKEN, SECRET, CERTIFICATE)] == [2, 2, 1]
    assert len(scene.secrets_on_app()) == 2
    assert scene.signs_in()
    assert scene.redeems()


@pytest.mark.compares_times
@pytest.mark.slow("it waits for the real 30 s, by the storage's clock")
@pytest.mark.full_tier("test_laws_of_lock.py has the lock's times, at a clock that runs fast")
def test_lock_of_a_paused_process_expires_and_blocks_its_later_writes(scene: Scene, environ: dict[str, str]) -> None:
    with Instance(environ) as sleeper, Instance(environ) as other:
        # held while it checks a client secret that it has just created
        scene.azure.faults([{"method": "POST", "path": "/addPassword$", "mode": "hold"}])
        sleeper.begin(Names=[SECRET])
        scene.azure.wait_until_held()
        sleeper.pause()
        asleep = time.monotonic()
        scene.azure.faults([])
        while (answer := other.rotate()).status == 409:
            assert phrases.HAS_LOCK in answer.text
            assert time.monotonic() - asleep < 31
            time.sleep(0.3)
        assert answer.status == 200
        assert time.monotonic() - asleep > 20  # a holder that only pauses keeps it
        before, written = scene.azure.state(), writes(scene)
        sleeper.go_on()
        late = sleeper.answer()
    assert late.status == 200
    (key,) = late.results["Keys"]
    assert key["Outcome"] != "rotated"
    assert phrases.LOCK_TAKEN in key["Reason"]
    assert writes(scene) == written
    assert scene.azure.state()["vaults"] == before["vaults"]
    assert scene.signs_in()


@pytest.mark.usefixtures("three_sign_in_checks")
def test_run_stops_before_its_next_write_when_its_row_was_taken(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    trust_briefly(nowhere)
    with held_at(scene, 3, nowhere, Names=[SECRET, CERTIFICATE]) as run:
        scene.others.row(LOCKS, "lock", str(lock_row(scene)["RowKey"]), RunId="another", By="another")
        before = writes(scene)
        age()  # a row that was just renewed is not looked at
        scene.azure.faults([])
        answer = run.result()
    assert [key["Outcome"] for key in answer.results["Keys"]] == ["postponed", "postponed"]
    assert writes(scene) == before
    assert lock_row(scene)["RunId"] == "another"


@pytest.mark.usefixtures("three_sign_in_checks")
def test_run_stops_before_its_next_write_when_its_row_is_gone(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    trust_briefly(nowhere)
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run:
        row = lock_row(scene)
        scene.others.tables.get_table_client(LOCKS).delete_entity(row)
        before = writes(scene)
        age()
        scene.azure.faults([])
        answer = run.result()
    assert {key["Outcome"] for key in answer.results["Keys"]} == {"postponed"}
    assert writes(scene) == before


def test_running_owner_renews_its_row(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    table = scene.others.tables.get_table_client(LOCKS)
    nowhere.setattr("backend.cipp.row_lock.RENEWED_EVERY", timedelta(seconds=1))
    with held_at(scene, 3, nowhere) as run:
        row = lock_row(scene)
        taken = table.get_entity("lock", str(row["RowKey"])).metadata["timestamp"]
        assert taken
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (later := table.get_entity("lock", str(row["RowKey"]))).metadata["timestamp"] == taken:
            assert time.monotonic() < give_up_at, "the row was not renewed"
            time.sleep(0.1)
        renewed = later.metadata["timestamp"]
        assert renewed
        assert timedelta(seconds=0.8) < renewed - taken
        assert later["RunId"] == row["RunId"]
        scene.azure.faults([])
        assert {key["Outcome"] for key in run.result().results["Keys"]} == {"rotated"}
    assert scene.others.rows(LOCKS) == []


@pytest.mark.parametrize(("ahead_seconds", "status"), [(27, 409), (30, 200), (3600, 200), (-3600, 409)])
def test_expiry_of_the_lock_is_measured_by_the_storages_clock(
    scene: Scene, storage: Storage, environ: dict[str, str], ahead_seconds: int, status: int
) -> None:
    with Instance(environ) as holder:
        scene.azure.faults([{**PROOF, "nth": 2}])
        holder.begin()
        scene.azure.wait_until_held()
        holder.kill()
    scene.azure.faults([])
    storage.ahead = timedelta(seconds=ahead_seconds)
    assert Api().post("ExecKeyRotation", {"Names": [TOKEN]}).status == status


def test_hanging_storage_allows_dry_runs_only(scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.3")
    storage.silent.set()
    refused = Api().post("ExecKeyRotation", {})
    assert refused.status >= 500
    assert "lock" in refused.text
    assert writes(scene) == []
    dry = scene.rotate(dry=True)
    assert {key["Outcome"] for key in dry["Keys"]} == {"planned"}
    assert {proof["Outcome"] for proof in scene.prove(TOKEN, SECRET)} == {"proven"}
    assert writes(scene) == []


@pytest.mark.usefixtures("three_sign_in_checks")
def test_storage_that_starts_hanging_stops_a_run_before_its_next_write(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    trust_briefly(nowhere)
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run:
        storage.silent.set()
        before = writes(scene)
        age()
        scene.azure.faults([])
        time.sleep(2)  # a renewal is tried twice
        storage.silent.clear()
        (key,) = run.result().results["Keys"]
    assert key["Outcome"] == "postponed"
    assert phrases.LOCK_NOT_RENEWED in key["Reason"]
    assert writes(scene) == before
    assert scene.signs_in()


def test_lock_without_storage_allows_one_run_and_reports_it(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    with held_at(scene, 2, nowhere) as first:
        second = Api().post("ExecKeyRotation", {})
        assert second.status == 409
        assert f"by admin@contoso.com {phrases.HAS_LOCK}" in second.text
        scene.azure.faults([])
        results = first.result().results
    assert {key["Outcome"] for key in results["Keys"] if key["Name"].lower() != "applicationsecret"} == {"rotated"}
    assert any("CIPP_STORAGE" in warning for warning in results["Warnings"])
    assert "CIPP_STORAGE" in str(scene.rotate(dry=True)["Warnings"])


def test_lock_is_owned_when_the_response_to_its_creation_is_lost(scene: Scene, storage: Storage) -> None:
    scene.rotate(TOKEN)  # the table is there from now on
    lost: list[str] = []

    def loses(method: str, path: str) -> bool:
        is_it = method == "POST" and LOCKS in path and not lost
        lost.extend([path] if is_it else [])
        return is_it

    storage.loses = loses
    assert scene.report(TOKEN, force=True)["Outcome"] == "rotated"
    assert lost
    assert scene.others.rows(LOCKS) == []


def test_lock_is_kept_when_the_response_to_a_renewal_is_lost(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    trust_briefly(nowhere)
    with held_at(scene, 2, nowhere, Names=[TOKEN]) as run:
        lost: list[str] = []

        def loses(method: str, path: str) -> bool:
            is_it = method in ("MERGE", "PATCH") and LOCKS in path and not lost
            lost.extend([path] if is_it else [])
            return is_it

        storage.loses = loses
        age()
        scene.azure.faults([])
        assert {key["Outcome"] for key in run.result().results["Keys"]} == {"rotated"}
    assert lost
    assert scene.others.rows(LOCKS) == []


def test_a_failed_renewal_is_not_repeated_for_some_seconds(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    nowhere.setattr("backend.cipp.row_lock.PAUSE_SECONDS", PAUSE_SECONDS)
    with idle_lock(nowhere) as lock:
        storage.silent.set()
        with pytest.raises(
            LostLockError, match=rf"Couldn't {phrases.LOCK_NOT_RENEWED} .* {phrases.NEXT_RUN_CONTINUES}"
        ) as lost:
            lock.must_hold()
        assert not lost.value.to_another
        assert "postponed" not in lost.value.reason
        storage.silent.clear()
        calls = len(storage.calls)
        with pytest.raises(LostLockError, match=f"Couldn't {phrases.LOCK_NOT_RENEWED}"):
            lock.must_hold()
        assert len(storage.calls) == calls
        time.sleep(PAUSE_SECONDS)
        lock.must_hold()
        assert len(storage.calls) > calls


@pytest.mark.compares_times
def test_failed_renewal_delays_many_threads_no_longer_than_one(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    with idle_lock(nowhere) as lock, ThreadPoolExecutor(32) as threads:
        storage.silent.set()
        began = time.monotonic()
        losses = [call.exception() for call in [threads.submit(lock.must_hold) for _ in range(64)]]
        assert time.monotonic() - began < 3
        assert {type(loss) for loss in losses} == {LostLockError}


def test_a_lock_that_another_run_took_stays_lost(scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch) -> None:
    with idle_lock(nowhere) as lock:
        row = lock_row(scene)
        scene.others.row(LOCKS, "lock", str(row["RowKey"]), RunId="another", By="another")
        with pytest.raises(LostLockError, match=f"Another run {phrases.LOCK_TAKEN}") as lost:
            lock.must_hold()
        assert lost.value.to_another
        scene.others.row(LOCKS, "lock", str(row["RowKey"]), RunId="mine", By="a test")
        calls = len(storage.calls)
        with pytest.raises(LostLockError, match=f"Another run {phrases.LOCK_TAKEN}"):
            lock.must_hold()
        assert len(storage.calls) == calls


def test_lost_responses_to_renewals_do_not_count_as_another_run(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    nowhere.setattr("backend.cipp.row_lock.PAUSE_SECONDS", PAUSE_SECONDS)
    with idle_lock(nowhere) as lock:
        storage.loses = lambda method, _path: method in ("MERGE", "PATCH")
        with pytest.raises(LostLockError, match=f"Couldn't {phrases.LOCK_NOT_RENEWED}") as lost:
            lock.must_hold()
        assert not lost.value.to_another
        storage.loses = lambda _method, _path: False
        time.sleep(PAUSE_SECONDS)
        lock.must_hold()


def test_storage_without_the_table_does_not_count_as_another_run(scene: Scene) -> None:
    fault = {"method": "POST", "host": "127.0.0.1", "path": f"/{LOCKS}$", "mode": "refuse", "status": 404, "times": 0}
    scene.azure.faults([fault])
    with (
        pytest.raises(NotFoundError, match=phrases.LOCK_NOT_ACQUIRED),
        row_lock(Clients(os.environ), "rotation", run_id="mine", by="a test"),
    ):
        pass
