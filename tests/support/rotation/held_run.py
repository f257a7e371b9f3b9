"""A run that is held while it has the lock, and the lock's row."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.api import Answer, Api
from tests.support.rotation.scene import Scene
from tests.support.rotation.storage import Storage

LOCKS = "CippBackendLocks"
PROOF = {"host": "login.microsoftonline.com", "mode": "hold"}
PATIENT = {"AZURE_READ_TIMEOUT_SECONDS": "20", "AZURE_DEADLINE_SECONDS": "30"}  # a held call is waited for


@contextmanager
def relayed(scene: Scene, nowhere: pytest.MonkeyPatch) -> Iterator[Storage]:
    """CIPP's storage by way of a relay that a test can disturb."""
    with Storage(scene.azure.env["AzureWebJobsStorage"]).running() as relay:
        nowhere.setenv("CIPP_STORAGE", relay.connection_string)
        yield relay


@contextmanager
def held_call(
    scene: Scene, nowhere: pytest.MonkeyPatch, fault: dict[str, object], endpoint: str, body: dict[str, object]
) -> Iterator["Future[Answer]"]:
    """Yield a call of this process, held at the call that the fault names."""
    for name, value in PATIENT.items():
        nowhere.setenv(name, os.environ.get(name, value))
    api = Api()
    scene.azure.faults([{"mode": "hold", **fault}])
    with ThreadPoolExecutor(1) as worker:
        answer = worker.submit(api.post, endpoint, body)
        assert scene.azure.wait_until_held(or_else=answer.done)
        try:
            yield answer
        finally:
            scene.azure.faults([])


@contextmanager
def held_at(scene: Scene, nth: int, nowhere: pytest.MonkeyPatch, **body: object) -> Iterator["Future[Answer]"]:
    """Yield a run of this process, held at its nth sign-in."""
    with held_call(scene, nowhere, {**PROOF, "nth": nth}, "ExecKeyRotation", body) as answer:
        yield answer


def lock_row(scene: Scene) -> dict[str, object]:
    (row,) = scene.others.rows(LOCKS)
    return row
