"""Renew first, then tidy: what can't be tidied is a warning, and never the key's failure."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.rotation.test_two_actors import store_a_token
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.pfx import thumbprint
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of
from tests.support.sandbox.certificate import Certificate

FULL_TIER = pytest.mark.full_tier("the other statuses are refusals like this one")
NAME = f"CIPP Backend {names.VAULT} 0123456789ab"
ORPHAN = Certificate()
NOT_THERE = {"error": {"code": "Request_BadRequest", "message": "No credentials found to be removed."}}


def graph_refuses(path: str, status: int, **fault: object) -> dict[str, Any]:
    return {"host": GRAPH, "path": path, "mode": "refuse", "status": status, "times": 0, **fault}


def add_an_orphan_secret(scene: Scene) -> str:
    """Put a client secret of this app on the app that no version names, an hour old."""
    began = f"{scene.now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    return str(scene.others.add_secret(NAME, startDateTime=began)["keyId"])


def add_an_orphan_certificate(scene: Scene, *, minutes: float = 60) -> str:
    """Return the same with a certificate. This app's certificates begin 15 minutes before they are created."""
    began = f"{scene.now() - timedelta(minutes=minutes + 15):%Y-%m-%dT%H:%M:%SZ}"
    there = scene.others.app("keyCredentials")["keyCredentials"]
    added = {**ORPHAN.entry(), "displayName": NAME, "startDateTime": began}
    scene.others.patch_app(keyCredentials=[*there, added])
    return thumbprint(ORPHAN.x509)


def on_app(scene: Scene) -> list[str]:
    """Return the client secrets' ids and the certificates' thumbprints on the app."""
    secrets = [one["keyId"] for one in scene.secrets_on_app()]
    return secrets + [one["customKeyIdentifier"] for one in scene.certificates_on_app()]


# Failing chores


@pytest.mark.parametrize("status", [403, 500, pytest.param(400, marks=FULL_TIER), pytest.param(404, marks=FULL_TIER)])
def test_secret_is_renewed_though_an_orphan_cannot_be_removed(scene: Scene, status: int) -> None:
    orphan = add_an_orphan_secret(scene)
    scene.azure.faults([graph_refuses("/removePassword$", status)])
    rotation = scene.rotate(SECRET)
    assert key_of(rotation["Keys"], SECRET)["Outcome"] == "rotated"
    assert any(phrases.LATER_RUN_TRIES in text for text in rotation["Warnings"]) == (status != 404)
    assert scene.signs_in()
    scene.azure.faults([])
    scene.go(hours=1)
    assert scene.report(SECRET)["Outcome"] == "unchanged"
    assert orphan not in on_app(scene)


@pytest.mark.parametrize("status", [401, 500, pytest.param(400, marks=FULL_TIER), pytest.param(403, marks=FULL_TIER)])
def test_certificate_is_renewed_though_an_orphan_cannot_be_removed(scene: Scene, status: int) -> None:
    scene.others.give_certificate(Certificate(days=40))
    orphan = add_an_orphan_certificate(scene)
    scene.azure.faults([graph_refuses("/removeKey$", status)])
    rotation = scene.rotate(CERTIFICATE)
    assert key_of(rotation["Keys"], CERTIFICATE)["Outcome"] == "rotated"
    assert any(phrases.LATER_RUN_TRIES in text for text in rotation["Warnings"])
    assert scene.certificate_signs_in()
    scene.azure.faults([])
    scene.go(hours=1)
    assert scene.report(CERTIFICATE)["Outcome"] == "unchanged"
    assert orphan not in on_app(scene)


def test_secret_that_is_gone_already_is_removed_without_a_warning(scene: Scene) -> None:
    add_an_orphan_secret(scene)
    answer = {"host": GRAPH, "path": "/removePassword$", "answer": {"status": 400, "body": NOT_THERE}, "times": 0}
    scene.azure.faults([answer])
    rotation = scene.rotate(SECRET)
    assert key_of(rotation["Keys"], SECRET)["Outcome"] == "rotated"
    assert not [text for text in rotation["Warnings"] if not text.startswith("Restart")]


def test_expired_certificate_is_renewed_though_an_orphan_is_there(scene: Scene) -> None:
    """An expired certificate can't sign the removal, so the new one does."""
    scene.others.give_certificate(Certificate(days=1))
    orphan = add_an_orphan_certificate(scene)
    scene.go(days=2)
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert scene.calls(GRAPH, "POST", "/addKey") == []
    assert scene.certificate_signs_in()
    assert orphan not in on_app(scene)
    scene.go(hours=1)
    assert scene.report(CERTIFICATE)["Outcome"] == "unchanged"


@pytest.mark.parametrize("status", [403, 501, pytest.param(400, marks=FULL_TIER)])
def test_secret_is_sound_though_its_app_cannot_be_locked(scene: Scene, status: int) -> None:
    scene.azure.faults([graph_refuses("/applications/", status, method="PATCH", body="servicePrincipalLock")])
    for outcome in ("rotated", "unchanged", "unchanged"):
        rotation = scene.rotate(SECRET)
        assert key_of(rotation["Keys"], SECRET)["Outcome"] == outcome
        assert any(phrases.NOT_LOCKED in text for text in rotation["Warnings"])
        scene.go(hours=1)
    assert key_of(scene.overview()["Keys"], SECRET)["Problems"] == []
    assert not [row for row in scene.others.rows("CippLogs") if row["Severity"] in ("Critical", "Error")]


def test_token_is_renewed_though_an_old_version_cannot_be_disabled(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "1")
    scene.midweek()
    for _ in range(3):
        scene.report(TOKEN, force=True)
        scene.go(hours=2)
    scene.go(days=8)
    refuses = {"host": VAULT, "method": "PATCH", "mode": "refuse", "status": 403, "times": 0}
    scene.azure.faults([refuses])
    rotation = scene.rotate(TOKEN)
    assert key_of(rotation["Keys"], TOKEN)["Outcome"] == "rotated"
    assert any(phrases.LATER_RUN_TRIES in text for text in rotation["Warnings"])
    assert scene.redeems()


@pytest.mark.parametrize("key", [SECRET, CERTIFICATE])
def test_key_is_rotated_though_the_look_after_its_renewal_fails(scene: Scene, key: str) -> None:
    api = scene.api()
    with ThreadPoolExecutor(1) as worker:
        scene.azure.faults([{"host": VAULT, "method": "PUT", "path": f"^/secrets/{key}$", "mode": "hold"}])
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [key]})
        scene.azure.wait_until_held()
        scene.azure.faults([graph_refuses(r"applications\(appId", 403)])
        rotation = run.result().results
    assert key_of(rotation["Keys"], key)["Outcome"] == "rotated"
    assert any(phrases.AFTER_RENEWAL in text for text in rotation["Warnings"])
    assert not scene.others.made.is_version(scene.served(key))


def test_chores_are_done_though_the_app_has_no_room_for_one_more(scene: Scene) -> None:
    """So that the next run finds room."""
    orphan = add_an_orphan_secret(scene)
    scene.azure.faults([graph_refuses("/addPassword$", 400)])
    assert scene.report(SECRET)["Outcome"] == "failed"
    assert orphan not in on_app(scene)


# What a run must not do twice, or go over


def test_forced_run_does_not_go_over_what_someone_has_just_stored(scene: Scene) -> None:
    scene.midweek()
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go(hours=2)
    api = scene.api()
    with ThreadPoolExecutor(1) as worker:
        scene.azure.faults([{"host": ENTRA, "body": "grant_type=refresh_token", "nth": 2, "mode": "hold"}])
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [TOKEN], "Force": True})
        scene.azure.wait_until_held()
        token = store_a_token(scene)[TOKEN]
        scene.azure.faults([])
        report = key_of(run.result().results["Keys"], TOKEN)
    assert scene.value(TOKEN) == token
    assert report["Outcome"] == "unchanged"
    assert "Another version" in report["Reason"]


def test_key_is_renewed_once_a_run_when_others_store_garbage(scene: Scene) -> None:
    """They do so right after the run's own store; the next run sees to it."""
    api = scene.api()
    with ThreadPoolExecutor(1) as worker:
        scene.azure.faults([{"host": VAULT, "method": "PUT", "path": f"^/secrets/{CERTIFICATE}$", "mode": "hold"}])
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [CERTIFICATE]})
        scene.azure.wait_until_held()
        scene.azure.faults([{"host": VAULT, "path": f"^/secrets/{CERTIFICATE}/versions$", "mode": "hold"}])
        scene.azure.wait_until_held()
        scene.others.store(CERTIFICATE, "no certificate")
        scene.azure.faults([])
        report = key_of(run.result().results["Keys"], CERTIFICATE)
    assert phrases.CANT_BE_READ not in report["Reason"] or report["Outcome"] == "rotated"
    assert len(scene.certificates_on_app()) == 1
    assert scene.value(CERTIFICATE) == "no certificate"
    scene.go(hours=2)
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert scene.certificate_signs_in()


# The age of an orphan


@pytest.mark.parametrize(("minutes", "stays"), [(20, True), (29, True), (31, False)])
def test_orphan_certificate_stays_for_30_minutes_after_its_creation(scene: Scene, minutes: int, *, stays: bool) -> None:
    """It begins 15 minutes before, and a run of this app may be about to store it."""
    scene.rotate(CERTIFICATE)
    orphan = add_an_orphan_certificate(scene, minutes=minutes)
    assert Api().post("ExecKeyRotation", {"Names": [CERTIFICATE]}).status == 200
    assert (orphan in on_app(scene)) == stays
