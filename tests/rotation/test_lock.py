"""One run at a time: the laws of the lock, in real table storage."""

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from backend.clients import Clients
from backend.held import LostLockError
from backend.row_lock import PAUSE_SECONDS, RowLock, row_lock
from tests.api import QUICK, Api
from tests.rotation.held_run import LOCKS, PATIENT, PROOF, held_at, lock_row, relayed
from tests.rotation.instance import Instance
from tests.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene
from tests.rotation.storage import Storage

SINCE = re.compile(r" since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.")
WRITES = ("PUT", "PATCH", "DELETE")


@pytest.fixture
def environ(scene: Scene) -> dict[str, str]:
    """The environment of another process."""
    return {**scene.azure.env, **QUICK, **PATIENT, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


@pytest.fixture
def storage(scene: Scene, nowhere: pytest.MonkeyPatch) -> Iterator[Storage]:
    """CIPP's storage by way of the relay."""
    with relayed(scene, nowhere) as relay:
        yield relay


@contextmanager
def idle_lock(nowhere: pytest.MonkeyPatch) -> Iterator[RowLock]:
    """A lock of this process that was renewed longer ago than a write trusts."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.3")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    with row_lock(Clients(os.environ), "rotation", run_id="mine", by="a test") as held:
        time.sleep(2.1)
        yield held


def writes(scene: Scene) -> list[str]:
    """What was written to the vault and to Graph."""
    return [
        f"{call['method']} {call['path']}"
        for call in scene.azure.calls()
        if call["method"] in WRITES or (call["method"] == "POST" and call["host"] == "graph.microsoft.com")
    ]


def test_a_second_run_of_the_same_process_is_told_who_runs_since_when(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    with held_at(scene, 2, nowhere) as first:
        second = Api().post("ExecKeyRotation", {})
        assert second.status == 409
        assert f"Run {lock_row(scene)['RunId']} by admin@contoso.com holds the lock" in second.text
        assert SINCE.search(second.text)
        scene.azure.faults([])
        assert first.result().status == 200


def test_a_wrong_name_is_refused_while_another_run_holds_the_lock(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 2, nowhere) as first:
        assert Api().post("ExecKeyRotation", {"Names": ["NoSuchKey"]}).status == 404
        assert Api().post("ExecKeyRotation", {"Names": ["ApplicationID"]}).status == 400
        assert Api().post("ExecKeyRotation", {"Names": [TOKEN]}).status == 409
        scene.azure.faults([])
        assert first.result().status == 200


@pytest.mark.parametrize("endpoint", ["ExecKeyProof", "ListKeyRotations", "ExecKeyRotation", "a dry run"])
def test_a_silent_storage_holds_up_no_answer_for_long(
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


def test_a_second_process_is_told_who_runs_since_when(
    scene: Scene, nowhere: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    with Instance(environ) as other, held_at(scene, 2, nowhere) as first:
        second = other.rotate()
        assert second.status == 409
        assert f"Run {lock_row(scene)['RunId']} by admin@contoso.com holds the lock" in second.text
        assert SINCE.search(second.text)
        assert other.rotate(DryRun=True).status == 200
        scene.azure.faults([])
        assert first.result().status == 200
        assert other.rotate().status == 200
    assert scene.others.rows(LOCKS) == []


def test_of_two_processes_at_once_exactly_one_acts(scene: Scene, environ: dict[str, str]) -> None:
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


def test_one_that_slept_is_free_within_30_seconds_and_stores_nothing_when_it_wakes(
    scene: Scene, environ: dict[str, str]
) -> None:
    with Instance(environ) as sleeper, Instance(environ) as other:
        # held while it proves a client secret that it has just made
        scene.azure.faults([{"method": "POST", "path": "/addPassword$", "mode": "hold"}])
        sleeper.begin(Names=[SECRET])
        scene.azure.wait_until_held()
        sleeper.pause()
        asleep = time.monotonic()
        scene.azure.faults([])
        while (answer := other.rotate()).status == 409:
            assert "holds the lock" in answer.text
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
    assert "has taken the lock" in key["Reason"]
    assert writes(scene) == written
    assert scene.azure.state()["vaults"] == before["vaults"]
    assert scene.signs_in()


def test_one_whose_row_was_taken_stops_before_its_next_write(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 3, nowhere, Names=[SECRET, CERTIFICATE]) as run:
        scene.others.row(LOCKS, "lock", str(lock_row(scene)["RowKey"]), RunId="another", By="another")
        before = writes(scene)
        time.sleep(2.1)  # what was renewed less than two seconds ago is not asked for
        scene.azure.faults([])
        answer = run.result()
    assert [key["Outcome"] for key in answer.results["Keys"]] == ["postponed", "postponed"]
    assert writes(scene) == before
    assert lock_row(scene)["RunId"] == "another"


def test_one_whose_row_is_gone_stops_before_its_next_write(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run:
        row = lock_row(scene)
        scene.others.tables.get_table_client(LOCKS).delete_entity(row)
        before = writes(scene)
        time.sleep(2.1)
        scene.azure.faults([])
        answer = run.result()
    assert {key["Outcome"] for key in answer.results["Keys"]} == {"postponed"}
    assert writes(scene) == before


def test_a_holder_that_lives_renews_its_row(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    table = scene.others.tables.get_table_client(LOCKS)
    with held_at(scene, 3, nowhere) as run:
        row = lock_row(scene)
        taken = table.get_entity("lock", str(row["RowKey"])).metadata["timestamp"]
        time.sleep(9)
        later = table.get_entity("lock", str(row["RowKey"]))
        renewed = later.metadata["timestamp"]
        assert taken
        assert renewed
        assert timedelta(seconds=7) < renewed - taken < timedelta(seconds=10)
        assert later["RunId"] == row["RunId"]
        scene.azure.faults([])
        assert {key["Outcome"] for key in run.result().results["Keys"]} == {"rotated"}
    assert scene.others.rows(LOCKS) == []


@pytest.mark.parametrize(("ahead_seconds", "status"), [(27, 409), (30, 200), (3600, 200), (-3600, 409)])
def test_the_storages_clock_judges_and_no_machines(
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


def test_a_silent_storage_lets_dry_runs_through_and_refuses_all_others(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
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


def test_a_storage_that_falls_silent_stops_a_run_before_its_next_write(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "3")
    with held_at(scene, 3, nowhere, Names=[SECRET]) as run:
        storage.silent.set()
        before = writes(scene)
        time.sleep(2.1)
        scene.azure.faults([])
        time.sleep(6.5)  # a renewal is tried twice
        storage.silent.clear()
        (key,) = run.result().results["Keys"]
    assert key["Outcome"] == "postponed"
    assert "renew the lock" in key["Reason"]
    assert writes(scene) == before
    assert scene.signs_in()


def test_without_a_storage_it_works_one_at_a_time_and_says_so(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    with held_at(scene, 2, nowhere) as first:
        second = Api().post("ExecKeyRotation", {})
        assert second.status == 409
        assert "by admin@contoso.com holds the lock" in second.text
        scene.azure.faults([])
        results = first.result().results
    assert {key["Outcome"] for key in results["Keys"]} == {"rotated"}
    assert any("neither a lock across instances nor a history" in warning for warning in results["Warnings"])
    assert "neither a lock" in str(scene.rotate(dry=True)["Warnings"])


def test_a_lock_whose_making_was_not_answered_is_ours_all_the_same(scene: Scene, storage: Storage) -> None:
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


def test_a_renewal_that_was_not_answered_loses_no_lock(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    with held_at(scene, 2, nowhere, Names=[TOKEN]) as run:
        lost: list[str] = []

        def loses(method: str, path: str) -> bool:
            is_it = method in ("MERGE", "PATCH") and LOCKS in path and not lost
            lost.extend([path] if is_it else [])
            return is_it

        storage.loses = loses
        time.sleep(2.1)
        scene.azure.faults([])
        assert {key["Outcome"] for key in run.result().results["Keys"]} == {"rotated"}
    assert lost
    assert scene.others.rows(LOCKS) == []


def test_a_failed_renewal_is_not_repeated_for_some_seconds(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    with idle_lock(nowhere) as held:
        storage.silent.set()
        with pytest.raises(LostLockError, match=r"storage did not renew .* postponed\. The next run goes on") as lost:
            held.must_hold()
        assert not lost.value.to_another
        assert "postponed" not in lost.value.reason
        storage.silent.clear()
        calls = len(storage.calls)
        with pytest.raises(LostLockError, match="storage did not renew"):
            held.must_hold()
        assert len(storage.calls) == calls
        time.sleep(PAUSE_SECONDS)
        held.must_hold()
        assert len(storage.calls) > calls


def test_a_failed_renewal_holds_up_threads_no_longer_than_one(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    with idle_lock(nowhere) as held, ThreadPoolExecutor(32) as threads:
        storage.silent.set()
        began = time.monotonic()
        losses = [call.exception() for call in [threads.submit(held.must_hold) for _ in range(64)]]
        assert time.monotonic() - began < 3
        assert {type(loss) for loss in losses} == {LostLockError}


def test_a_lock_that_another_run_took_stays_lost(scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch) -> None:
    with idle_lock(nowhere) as held:
        row = lock_row(scene)
        scene.others.row(LOCKS, "lock", str(row["RowKey"]), RunId="another", By="another")
        with pytest.raises(LostLockError, match="Another run has taken the lock") as lost:
            held.must_hold()
        assert lost.value.to_another
        scene.others.row(LOCKS, "lock", str(row["RowKey"]), RunId="mine", By="a test")
        calls = len(storage.calls)
        with pytest.raises(LostLockError, match="Another run has taken the lock"):
            held.must_hold()
        assert len(storage.calls) == calls


def test_renewals_that_are_not_answered_do_not_look_like_another_run(
    scene: Scene, storage: Storage, nowhere: pytest.MonkeyPatch
) -> None:
    del scene
    with idle_lock(nowhere) as held:
        storage.loses = lambda method, _path: method in ("MERGE", "PATCH")
        with pytest.raises(LostLockError, match="storage did not renew") as lost:
            held.must_hold()
        assert not lost.value.to_another
        storage.loses = lambda _method, _path: False
        time.sleep(PAUSE_SECONDS)
        held.must_hold()
