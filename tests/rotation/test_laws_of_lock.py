"""The lock in the storage: what is given back or taken over is only what was seen, by its etag."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.azure.clients import Clients
from backend.cipp import row_lock
from backend.cipp.lock_row import LIFETIME
from backend.cipp.owned_lock import LostLockError
from backend.errors import ConflictError
from tests.support import phrases
from tests.support.rotation.scene import TOKEN, VAULT, Scene
from tests.support.rotation.storage import Storage

LOCKS = "CippBackendLocks"
KEY = "rotation"
SLEPT = LIFETIME + timedelta(seconds=2)


@pytest.fixture
def storage(scene: Scene, nowhere: pytest.MonkeyPatch) -> Iterator[Storage]:
    """CIPP's storage by way of the relay."""
    with Storage(scene.azure.env["AzureWebJobsStorage"]).running() as relay:
        nowhere.setenv("CIPP_STORAGE", relay.connection_string)
        yield relay


def let_another_take(scene: Scene, *, run_id: str = "another") -> None:
    scene.others.row(LOCKS, "lock", KEY, RunId=run_id, By="another")


def owner(scene: Scene) -> list[object]:
    return [row["RunId"] for row in scene.others.rows(LOCKS)]


def test_run_that_slept_gives_back_no_lock_of_another_run(scene: Scene) -> None:
    """It sleeps after its last write, so it never learns that its lock is lost."""
    with row_lock.row_lock(Clients(os.environ), KEY, run_id="mine", by="a test"):
        assert owner(scene) == ["mine"]
        let_another_take(scene)
    assert owner(scene) == ["another"]


def test_lock_is_given_back_when_the_run_ends(scene: Scene) -> None:
    with row_lock.row_lock(Clients(os.environ), KEY, run_id="mine", by="a test"):
        assert owner(scene) == ["mine"]
    assert owner(scene) == []


def test_lock_of_a_killed_run_is_taken_over(scene: Scene, storage: Storage) -> None:
    let_another_take(scene, run_id="killed")
    storage.ahead = SLEPT
    with row_lock.row_lock(Clients(os.environ), KEY, run_id="mine", by="a test"):
        assert owner(scene) == ["mine"]


def let_a_quicker_one_take_over(scene: Scene, storage: Storage) -> list[str]:
    """Let another run take the lock once this one has read its row. Return the path of that read, once it was made."""
    taken: list[str] = []

    def is_taken_meanwhile(method: str, path: str) -> bool:
        if method == "GET" and LOCKS in path and not taken:
            taken.append(path)
            let_another_take(scene, run_id="quicker")
        return False

    storage.loses = is_taken_meanwhile  # called when the storage has responded, before the response is passed on
    return taken


def test_one_of_two_runs_takes_over_the_lock_of_a_killed_run(scene: Scene, storage: Storage) -> None:
    """Both have seen the same row; the other one has written it when this one does."""
    let_another_take(scene, run_id="killed")
    storage.ahead = SLEPT
    taken = let_a_quicker_one_take_over(scene, storage)
    with (
        pytest.raises(ConflictError, match=f"{phrases.RUN_HAS_BEGUN}, {phrases.HAS_LOCK}"),
        row_lock.row_lock(Clients(os.environ), KEY, run_id="mine", by="a test"),
    ):
        raise AssertionError("the lock of the other run was taken")
    assert taken
    assert owner(scene) == ["quicker"]


def test_run_does_nothing_when_another_was_quicker_to_take_over(scene: Scene, storage: Storage) -> None:
    scene.rotate(TOKEN)
    let_another_take(scene, run_id="killed")
    storage.ahead = SLEPT
    let_a_quicker_one_take_over(scene, storage)
    stored = len(scene.calls(VAULT, "PUT"))
    assert scene.api().post("ExecKeyRotation", {"Names": [TOKEN], "Force": True}).status == 409
    assert len(scene.calls(VAULT, "PUT")) == stored
    assert owner(scene) == ["quicker"]


def test_renewal_takes_no_lock_of_another_run_back(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(row_lock, "FRESH", timedelta())
    with row_lock.row_lock(Clients(os.environ), KEY, run_id="mine", by="a test") as lock:
        lock.must_hold()
        let_another_take(scene)
        time.sleep(0.01)
        with pytest.raises(LostLockError, match=f"Another run {phrases.LOCK_TAKEN}"):
            lock.must_hold()
    assert owner(scene) == ["another"]
