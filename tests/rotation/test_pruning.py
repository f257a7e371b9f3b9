"""Old runs leave the history after 27 weeks, in small steps, and their failure is never the run's."""

import os
from datetime import timedelta

import pytest

from backend.azure.clients import Clients
from backend.rotation.reporting import pruning
from backend.rotation.reporting.journal import RUN_KEYS, RUNS
from backend.rotation.reporting.pruning import prune
from tests.rotation.test_past_runs import plant
from tests.support.rotation.scene import TOKEN, Scene
from tests.support.rotation.storage import Storage


def runs_left(scene: Scene) -> list[str]:
    return [row["run_id"] for row in scene.others.rows(RUNS)]


def keys_left(scene: Scene, run_id: str) -> int:
    return sum(row["PartitionKey"] == run_id for row in scene.others.rows(RUN_KEYS))


def test_run_deletes_history_older_than_27_weeks(scene: Scene) -> None:
    now = scene.now()
    kept = [plant(scene, now - timedelta(days=days, minutes=-5), 3) for days in (1, 188, 189)]
    old = [plant(scene, now - timedelta(days=days, minutes=5), 120) for days in (189, 190, 400)]
    idle = plant(scene, now - timedelta(days=200), 0, unchanged=2)
    rotation = scene.rotate(TOKEN)
    assert runs_left(scene) == [rotation["RunId"], *kept]
    assert [keys_left(scene, run_id) for run_id in (rotation["RunId"], *kept, *old, idle)] == [1, 3, 3, 3, 0, 0, 0, 0]


def test_hourly_catch_up_deletes_old_history(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    old = plant(scene, scene.now() - timedelta(days=191), 1)
    scene.tick("KeyRotationCatchUp")
    assert old not in runs_left(scene)
    assert keys_left(scene, old) == 0


def test_interrupted_deletion_keeps_the_run_and_is_continued_later(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    now = scene.now()
    old = [plant(scene, now - timedelta(days=191), 30), plant(scene, now - timedelta(days=192), 250)]
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    batches: list[str] = []

    def loses(method: str, path: str) -> bool:
        if method == "POST" and "batch" in path:
            batches.append(path)
        return len(batches) > 2  # one batch of the first run, one of the second; the next one is done and cut

    storage = Storage(scene.azure.env["AzureWebJobsStorage"])
    with storage.running():
        storage.loses = loses
        prune(Clients({**os.environ, "AzureWebJobsStorage": storage.connection_string}), now)
    assert runs_left(scene) == old
    assert keys_left(scene, old[0]) == 0
    assert 0 < keys_left(scene, old[1]) < 250
    prune(Clients(os.environ), now)
    assert runs_left(scene) == []
    assert scene.others.rows(RUN_KEYS) == []


@pytest.mark.slow("it deletes a hundred transactions against a time limit")
def test_a_large_backlog_is_worked_off_by_several_runs(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    now = scene.now()
    nowhere.setattr(pruning, "ROWS_PER_TRANSACTION", 3)
    for days in range(191, 199):
        plant(scene, now - timedelta(days=days), 36)
    prune(Clients(os.environ), now, seconds=0)
    assert len(runs_left(scene)) == 8
    left = []
    while runs_left(scene):
        prune(Clients(os.environ), now, seconds=0.3)
        left.append(len(scene.others.rows(RUN_KEYS)))
        assert len(left) < 50
    assert len(left) > 1
    assert left[-1] == 0


def test_next_page_of_old_runs_is_not_read_after_the_deadline(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(pruning, "ROWS_PER_TRANSACTION", 2)
    old = [plant(scene, scene.now() - timedelta(days=days), 1) for days in range(191, 197)]
    before = len(scene.azure.calls(tables=True))
    prune(Clients(os.environ), scene.now(), seconds=0)
    calls = [f"{call['method']} {call['path']}" for call in scene.azure.calls(tables=True)[before:]]
    assert [call.partition("(")[0].rpartition("/")[2] for call in calls if call.startswith("GET")] == [RUNS]
    assert runs_left(scene) == old


def test_storage_timeout_while_old_runs_are_deleted_does_not_fail_the_run(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    plant(scene, scene.now() - timedelta(days=191), 3)
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    storage = Storage(scene.azure.env["AzureWebJobsStorage"])

    def loses(method: str, path: str) -> bool:
        if method == "GET" and RUNS in path and "gt" in path:
            storage.silent.set()
        return storage.silent.is_set()

    with storage.running():
        storage.loses = loses
        nowhere.setenv("AzureWebJobsStorage", storage.connection_string)
        assert scene.report(TOKEN)["Outcome"] == "rotated"
        assert storage.silent.is_set()
        storage.silent.clear()
        storage.loses = lambda _method, _path: False


def test_pruning_does_nothing_without_storage_or_tables(
    scene: Scene, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prune(Clients(os.environ), scene.now())
    nowhere.delenv("AzureWebJobsStorage")
    prune(Clients(os.environ), scene.now())
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR") and "run" in record.msg]
