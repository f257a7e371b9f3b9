"""Graph's readers see the app as it was some time ago: no run replaces or removes what is served and signs in."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from sandbox import names
from tests.support.rotation.pfx import stored_thumbprint
from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, Scene, key_of
from tests.support.sandbox.certificate import Certificate

RATE = 20
NEAR_ITS_EXPIRY, ANOTHER = Certificate(days=40), Certificate()
Hurry = Callable[..., None]


@contextmanager
def watched(scene: Scene) -> Iterator[set[str]]:
    """Yield what was wrong at any look of many: the vault served a credential that was not on the app."""
    wrong: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            wrong.update(served_but_not_on_app(scene))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield wrong
    finally:
        over.set()
        watcher.join()


def served_but_not_on_app(scene: Scene) -> Iterator[str]:
    state = scene.azure.state()
    vault, app = state["vaults"][names.VAULT]["secrets"], state["applications"][names.SAM_APP_ID]
    if CERTIFICATE in vault:
        served = stored_thumbprint(vault[CERTIFICATE][-1]["value"])
        if served not in [one["customKeyIdentifier"] for one in app["keyCredentials"]]:
            yield f"certificate {served}"
    if vault[SECRET][-1]["value"] not in [one["secretText"] for one in app["passwordCredentials"]]:
        yield f"client secret {vault[SECRET][-1]['version']}"


def created(scene: Scene) -> int:
    """Return how many certificates runs have put on the app."""
    return len(scene.calls(GRAPH, "PATCH", body="keyCredentials")) + len(scene.calls(GRAPH, "POST", "/addKey"))


@pytest.mark.parametrize("lag_seconds", [5, 15, 30])
def test_first_certificate_is_created_once_when_graph_lags(scene: Scene, hurry: Hurry, lag_seconds: int) -> None:
    hurry(RATE, graph_read_lag_seconds=lag_seconds)
    with watched(scene) as wrong:
        key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated", key
    assert wrong == set()
    assert created(scene) == 1
    assert len(scene.versions(CERTIFICATE)) == len(scene.certificates_on_app()) == 1
    assert scene.certificate_signs_in()


@pytest.mark.parametrize("lag_seconds", [5, 30])
def test_certificate_is_renewed_once_when_graph_lags(scene: Scene, hurry: Hurry, lag_seconds: int) -> None:
    hurry(RATE, graph_read_lag_seconds=lag_seconds)
    scene.others.give_certificate(NEAR_ITS_EXPIRY)
    scene.go(seconds=lag_seconds + 1)
    before = created(scene)
    with watched(scene) as wrong:
        assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert wrong == set()
    assert created(scene) == before + 1
    assert len(scene.certificates_on_app()) == 2


def test_second_run_leaves_the_certificate_that_graph_does_not_list_yet(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    """The first run's certificate may be what CIPP has loaded, so it must stay on the app."""
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.5")  # the first run waits no longer for the list
    scene.others.reset(propagation_seconds=0, direct_tenants=0, graph_read_lag_seconds=600)
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    first = scene.certificates_on_app()
    scene.go(seconds=60)
    with watched(scene) as wrong:
        key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "unchanged", key
    assert wrong == set()
    assert scene.certificates_on_app() == first
    assert created(scene) == 1


def test_revoked_certificate_is_renewed_though_graph_still_lists_it(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.5")
    scene.others.reset(propagation_seconds=0, direct_tenants=0, graph_read_lag_seconds=600)
    scene.others.give_certificate(ANOTHER)
    scene.go(seconds=610)
    scene.others.patch_app(keyCredentials=[])
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "dead"
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert scene.certificate_signs_in()
    # it is not written back with the list, which still shows it where it is read
    assert [one["customKeyIdentifier"] for one in scene.certificates_on_app()] == [
        stored_thumbprint(scene.value(CERTIFICATE))
    ]


def test_certificate_that_others_just_added_stays_when_the_list_is_written(scene: Scene, hurry: Hurry) -> None:
    hurry(RATE, graph_read_lag_seconds=20)
    scene.others.add_certificate(ANOTHER)
    (theirs,) = scene.certificates_on_app()
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    on_app = {one["customKeyIdentifier"] for one in scene.certificates_on_app()}
    assert on_app == {theirs["customKeyIdentifier"], stored_thumbprint(scene.value(CERTIFICATE))}


def test_list_of_certificates_is_written_only_as_two_reads_show_it(scene: Scene) -> None:
    """Others add a certificate after the read, so no list that lacks it may be sent."""
    api = scene.api()
    scene.azure.faults([{"host": GRAPH, "method": "GET", "path": "anagementPolic", "mode": "hold"}])
    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [CERTIFICATE]})
        scene.azure.wait_until_held()
        scene.others.add_certificate(ANOTHER)
        theirs = created(scene)
        scene.azure.faults([])
        assert run.result().status == 200
    written = scene.calls(GRAPH, "PATCH", body="keyCredentials")[theirs:]
    assert written
    assert all(ANOTHER.public in json.loads(call["request_body"])["keyCredentials"][0]["key"] for call in written)


@pytest.mark.parametrize("lag_seconds", [0, 600])
def test_served_certificate_is_in_the_list_that_is_written(
    scene: Scene, nowhere: pytest.MonkeyPatch, lag_seconds: float
) -> None:
    """Graph refuses to add one with the signature of the served one, and may not list the served one yet."""
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.5")
    scene.others.reset(propagation_seconds=0, direct_tenants=0, graph_read_lag_seconds=lag_seconds)
    scene.others.give_certificate(NEAR_ITS_EXPIRY)
    (theirs,) = scene.certificates_on_app()
    scene.azure.faults([{"host": GRAPH, "path": "/addKey$", "mode": "refuse", "status": 401, "times": 0}])
    with watched(scene) as wrong:
        assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert wrong == set()
    on_app = {one["customKeyIdentifier"] for one in scene.certificates_on_app()}
    assert on_app == {theirs["customKeyIdentifier"], stored_thumbprint(scene.value(CERTIFICATE))}
    assert scene.certificate_signs_in()


@pytest.mark.parametrize("lag_seconds", [15, 60])
def test_client_secret_is_created_once_when_graph_lags(scene: Scene, hurry: Hurry, lag_seconds: int) -> None:
    hurry(RATE, graph_read_lag_seconds=lag_seconds)
    with watched(scene) as wrong:
        assert scene.report(SECRET)["Outcome"] == "rotated"
        assert scene.report(SECRET)["Outcome"] == "unchanged"
    assert wrong == set()
    assert len(scene.secrets_on_app()) == 2
    assert scene.signs_in()
