"""What a run makes of a store, or of a new credential, whose fate it does not know."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.rotation.test_two_actors import store_a_certificate, store_a_secret, store_a_token
from tests.support import phrases
from tests.support.rotation.checks import refused_now
from tests.support.rotation.pfx import stored_thumbprint
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of
from tests.support.rotation.theirs import by_the_product, orphans
from tests.support.sandbox.certificate import Certificate

CREDENTIALS = [SECRET, CERTIFICATE]
STORES = {TOKEN: store_a_token, SECRET: store_a_secret, CERTIFICATE: store_a_certificate}
KINDS = {SECRET: "passwordCredentials", CERTIFICATE: "keyCredentials"}
LATE_SECONDS = 30


def put(key: str, **fault: object) -> dict[str, Any]:
    """Make a fault at the store of a key."""
    return {"host": VAULT, "method": "PUT", "path": f"^/secrets/{key}$", **fault}


def created(scene: Scene, key: str) -> list[dict[str, Any]]:
    """Return the credentials that the product has on the app."""
    return by_the_product(scene.others.made, scene.azure.state(), KINDS[key])


def refused_new_secret(scene: Scene, **fault: object) -> dict[str, object]:
    """Make a fault: Entra refuses every client secret but the one that the vault serves now."""
    hint = f"client_secret=(?!{scene.value(SECRET)[:3]})"
    return {"host": ENTRA, "body": hint, "mode": "refuse", "status": 401, "aadsts": 7000215, "times": 0, **fault}


# Stores that may still land


@pytest.mark.each_value
@pytest.mark.parametrize("status", [408, 500, 503, 504])
@pytest.mark.parametrize("key", CREDENTIALS)
def test_credential_stays_on_the_app_when_its_store_may_still_land(scene: Scene, key: str, status: int) -> None:
    scene.midweek()
    scene.azure.faults([put(key, mode="refuse-then-do", status=status, after_seconds=LATE_SECONDS, times=0)])
    report = scene.report(key)
    assert report["Outcome"] == "failed"
    assert phrases.STILL_ON_APP in report["Reason"]
    assert len(created(scene, key)) == 1
    scene.azure.faults([])
    scene.go(seconds=LATE_SECONDS + 1)
    assert not scene.others.made.is_version(scene.served(key))
    assert list(refused_now(scene.others, scene.azure.state())) == []
    scene.go(hours=1)
    scene.rotate(key)
    assert list(refused_now(scene.others, scene.azure.state())) == []
    assert list(orphans(scene.others.made, scene.azure.state())) == []


@pytest.mark.each_value
@pytest.mark.parametrize("status", [400, 403, 409])
@pytest.mark.parametrize("key", CREDENTIALS)
def test_credential_is_removed_when_the_vault_refuses_its_store(scene: Scene, key: str, status: int) -> None:
    scene.azure.faults([put(key, mode="refuse", status=status, times=0)])
    report = scene.report(key)
    assert report["Outcome"] == "failed"
    assert phrases.STILL_ON_APP not in report["Reason"]
    assert created(scene, key) == []


@pytest.mark.parametrize("key", CREDENTIALS)
def test_credential_that_never_landed_is_removed_after_half_an_hour(scene: Scene, key: str) -> None:
    scene.midweek()
    scene.azure.faults([put(key, mode="refuse", status=503, times=0)])
    assert scene.report(key)["Outcome"] == "failed"
    scene.azure.faults([])
    (left,) = created(scene, key)
    scene.go(minutes=31)
    assert scene.report(key)["Outcome"] == "rotated"
    assert left not in created(scene, key)
    assert len(created(scene, key)) == 1


@pytest.mark.each_value
@pytest.mark.parametrize("mode", [{"mode": "drop-after"}, {"mode": "refuse-then-do", "status": 503}])
@pytest.mark.parametrize("key", STORES)
def test_store_that_took_effect_is_reported_as_rotated(scene: Scene, key: str, mode: dict[str, Any]) -> None:
    """The response was lost or an error, and reading the vault shows that it holds the new value."""
    scene.azure.faults([put(key, **mode)])
    assert scene.report(key)["Outcome"] == "rotated"
    assert len(scene.calls(VAULT, "PUT", f"/secrets/{key}")) == 1
    assert not scene.others.made.is_version(scene.served(key))
    assert list(refused_now(scene.others, scene.azure.state())) == []


@pytest.mark.parametrize("key", STORES)
def test_run_reports_what_others_stored_right_after_its_own_store(scene: Scene, key: str) -> None:
    """What is read back is not what was stored, so it is not reported as this run's, nor signed in with."""
    api = scene.api()
    with ThreadPoolExecutor(1) as worker:
        scene.azure.faults([put(key, mode="hold")])
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [key]})
        scene.azure.wait_until_held()
        scene.azure.faults([{"host": VAULT, "method": "GET", "path": f"^/secrets/{key}/?$", "mode": "hold"}])
        scene.azure.wait_until_held()
        (ours,) = [one["value"] for one in scene.versions(key) if not scene.others.made.is_version(one)]
        wanted = STORES[key](scene)[key]
        scene.azure.faults([])
        report = key_of(run.result().results["Keys"], key)
    assert scene.value(key) == wanted
    assert f" '{key}' {phrases.STORED_RIGHT_AFTER}" in report["Reason"]
    assert ours != wanted
    assert list(refused_now(scene.others, scene.azure.state())) == []


# Credentials whose creation timed out


@pytest.mark.parametrize(
    "mode",
    [{"mode": "drop-after"}, {"mode": "refuse-then-do", "status": 503}, {"edit": [["secretText", {"$remove": True}]]}],
)
def test_secret_whose_text_never_arrived_is_removed_by_its_own_run(scene: Scene, mode: dict[str, Any]) -> None:
    before = scene.secrets_on_app()
    scene.azure.faults([{"host": GRAPH, "method": "POST", "path": "/addPassword$", **mode}])
    assert scene.report(SECRET)["Outcome"] == "failed"
    assert scene.secrets_on_app() == before
    assert len(scene.calls(GRAPH, "POST", "/removePassword")) == 1


# The check after the store


@pytest.mark.usefixtures("three_sign_in_checks")
def test_earlier_secret_goes_back_though_the_runs_time_is_over(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """The store that takes back what does not sign in has some seconds more, also if the vault is busy."""
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "6")  # so that it is over after 3 s
    old = scene.served(SECRET)
    busy = put(SECRET, mode="refuse", status=429, nth=2)
    scene.azure.faults([refused_new_secret(scene, nth=4), busy])
    assert scene.report(SECRET)["Outcome"] == "failed"
    assert scene.value(SECRET) == old["value"]
    assert scene.served(SECRET)["tags"]["restored-from"] == old["version"]
    assert len(scene.calls(VAULT, "PUT", f"/secrets/{SECRET}")) == 3


@pytest.mark.usefixtures("three_sign_in_checks")
def test_revoked_secret_never_goes_back_over_a_new_one(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    scene.others.give_certificate(Certificate())
    revoked = "revoked~since~then"
    scene.others.store(SECRET, revoked)
    for version in scene.versions(SECRET)[:-1]:
        scene.others.disable(SECRET, version["version"])
    scene.go(minutes=10)
    scene.azure.faults([refused_new_secret(scene, nth=4)])
    report = scene.report(SECRET)
    served = scene.served(SECRET)
    assert report["Outcome"] == "failed", report
    assert served["value"] != revoked
    assert "restored-from" not in served["tags"]
    scene.azure.faults([])
    assert scene.signs_in()


@pytest.mark.parametrize("key", CREDENTIALS)
@pytest.mark.usefixtures("three_sign_in_checks")
def test_new_credential_signs_in_three_times_in_a_row_before_its_store(scene: Scene, key: str) -> None:
    """One refusal in between, and the count starts again."""
    first = {"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 7000215 if key == SECRET else 700027}
    secret_in_body = f"client_secret=(?!{scene.value(SECRET)[:3]})" if key == SECRET else "client_assertion="
    scene.azure.faults([{**first, "body": secret_in_body, "nth": 3}])
    assert scene.report(key)["Outcome"] == "rotated"
    calls = scene.azure.calls()
    stored = next(i for i, call in enumerate(calls) if call["method"] == "PUT" and key in call["path"])
    sign_ins = [call for call in calls[:stored] if call["host"] == ENTRA and is_shown(call, scene, key)]
    assert [call["status"] for call in sign_ins] == [200, 200, 401, 200, 200, 200]


def is_shown(call: dict[str, Any], scene: Scene, key: str) -> bool:
    """Return whether a sign-in is one with the new credential."""
    body = call["request_body"] or ""
    return "client_assertion=" in body if key == CERTIFICATE else scene.value(SECRET)[:3] in body


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("key", CREDENTIALS)
@pytest.mark.parametrize(
    "settings",
    [{"KEY_ROTATION_PROOF_COUNT": "10000"}, {"KEY_ROTATION_PROOF_COUNT": "3", "PROPAGATION": "600"}],
)
def test_check_of_a_new_credential_ends_with_the_run(
    scene: Scene, nowhere: pytest.MonkeyPatch, key: str, settings: dict[str, str]
) -> None:
    scene.others.reset(propagation_seconds=float(settings.get("PROPAGATION", "0")), direct_tenants=0)
    for name, value in settings.items():
        nowhere.setenv(name, value)
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "5")
    scene.overview()  # loads the SDKs first, which takes more than a second and does not count for the run's limit
    began = time.monotonic()
    assert scene.report(key)["Outcome"] in ("failed", "postponed")
    assert time.monotonic() - began < 5
    assert created(scene, key) == []
    assert not [one for one in scene.versions(key) if not scene.others.made.is_version(one)]


def test_stored_credential_is_the_one_that_signed_in(scene: Scene) -> None:
    scene.rotate(SECRET, CERTIFICATE)
    for key in CREDENTIALS:
        (stored,) = scene.calls(VAULT, "PUT", f"/secrets/{key}")
        assert json.loads(stored["request_body"])["value"] == scene.value(key)
    (on_app,) = scene.certificates_on_app()
    assert on_app["customKeyIdentifier"] == stored_thumbprint(scene.value(CERTIFICATE))
