"""A new credential signs in a minute later, as in Azure: at a fast clock, with the product's own count of sign-ins."""

import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, VAULT, Scene

RATE = 40
MINUTE = timedelta(seconds=60)
SOON_SECONDS = 30
Hurry = Callable[..., None]


def stored_after_it_was_made(scene: Scene, made_by: str, name: str) -> timedelta:
    """Return the sandbox's time between the credential and its store."""
    (made,) = scene.calls(GRAPH, path=made_by)
    (stored,) = scene.calls(VAULT, "PUT", f"/secrets/{name}")
    dates = [parsedate_to_datetime(call["response_headers"]["date"]) for call in (made, stored)]
    return dates[1] - dates[0]


@pytest.mark.compares_times
def test_secret_is_stored_only_when_it_signs_in(scene: Scene, hurry: Hurry) -> None:
    hurry(RATE, propagation_seconds=60)
    before, began = scene.value(SECRET), time.monotonic()
    assert scene.report(SECRET)["Outcome"] == "rotated"
    assert time.monotonic() - began < SOON_SECONDS
    assert scene.value(SECRET) != before
    assert scene.signs_in()
    assert stored_after_it_was_made(scene, "/addPassword", SECRET) >= MINUTE


def test_certificate_is_stored_only_when_it_signs_in(scene: Scene, hurry: Hurry) -> None:
    hurry(RATE, propagation_seconds=60)
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert scene.certificate_signs_in()


def test_secret_that_never_signs_in_is_not_stored(scene: Scene, hurry: Hurry) -> None:
    hurry(RATE, propagation_seconds=600)
    before = scene.value(SECRET)
    report = scene.report(SECRET)
    assert report["Outcome"] == "failed"
    assert scene.value(SECRET) == before
    assert scene.signs_in()


@pytest.mark.parametrize("key", [SECRET, CERTIFICATE])
def test_run_keeps_its_lock_at_a_fast_clock(scene: Scene, hurry: Hurry, key: str) -> None:
    """The run takes longer than the lock lives, so it renews the row at the clock's rate."""
    hurry(RATE, propagation_seconds=60)
    began = scene.now()
    scene.rotate(key, force=True)
    assert scene.now() - began >= MINUTE
    renewals = [
        call
        for call in scene.azure.calls(tables=True)
        if call["method"] == "PATCH" and "CippBackendLocks" in call["path"] and call["status"] == 204
    ]
    assert len(renewals) > 3
    assert scene.others.rows("CippBackendLocks") == []
