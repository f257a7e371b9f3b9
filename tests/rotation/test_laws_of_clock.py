"""What the timers may take of the host's time, and when a restart counts as one after the store."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from backend.rotation import service, timers
from backend.rotation.running import key_checks
from sandbox import names
from tests.rotation.test_laws_of_young_credentials import WITH_SECRET
from tests.support import phrases
from tests.support.rotation.scene import ARM, ENTRA, GRAPH, SECRET, VAULT, Scene, moment
from tests.support.sandbox.certificate import Certificate

TIMEOUT = "AzureFunctionsJobHost__functionTimeout"
SITES = [names.MAIN_SITE, names.OFFLOAD_SITE]


@pytest.mark.compares_times
@pytest.mark.slow("a catch-up takes all of its time")
def test_second_run_of_a_catch_up_ends_before_the_host_ends_it(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """The pulse takes its time and finds a revoked secret; the new one never signs in, so the run takes all it may."""
    nowhere.setattr(timers, "TIMER_MARGIN_SECONDS", 3.0)
    nowhere.setattr(key_checks, "LEAST_SECONDS", 0.1)
    nowhere.setattr(service, "MARGIN_SECONDS", 0.5)
    nowhere.setenv(TIMEOUT, "00:00:15")
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    scene.others.reset(propagation_seconds=0, direct_tenants=0, latency_seconds={ENTRA: 0.6})
    scene.others.give_certificate(Certificate(days=300))
    scene.midweek()
    scene.rotate()
    scene.go(hours=2)
    revoked = {"mode": "refuse", "status": 401, "aadsts": 7000215}
    scene.azure.faults([{"host": ENTRA, "body": WITH_SECRET, **revoked, "nth": 2, "times": 0}])
    began = time.monotonic()
    scene.tick("KeyRotationCatchUp")
    assert time.monotonic() - began < 15
    assert len(scene.calls(GRAPH, "POST", "/addPassword")) == 2
    assert not scene.versions(SECRET)[-1]["tags"].get("restored-from")


def test_catch_up_without_time_left_checks_no_key(
    scene: Scene, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    nowhere.setenv(TIMEOUT, "00:00:40")  # less than the margin that is kept for the last writes
    scene.midweek()
    scene.rotate()
    scene.go(hours=2)
    caplog.set_level(logging.INFO, "cipp.rotation")
    redeemed = len(scene.calls(ENTRA, body="grant_type=refresh_token"))
    scene.tick("KeyRotationCatchUp")
    assert phrases.CATCH_UP_REACHED_LIMIT in caplog.text
    assert len(scene.calls(ENTRA, body="grant_type=refresh_token")) == redeemed


def test_app_restarts_in_a_later_second_than_the_store(restarting: Scene) -> None:
    """Azure's times have whole seconds, so a restart in the same second would not count as one after the store."""
    api = restarting.api()
    with ThreadPoolExecutor(1) as worker:
        restarting.azure.faults([{"host": VAULT, "method": "PUT", "path": f"^/secrets/{SECRET}$", "mode": "hold"}])
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [SECRET]})
        restarting.azure.wait_until_held()
        second = restarting.now()
        while restarting.now() == second:  # so that the store comes early in its second
            time.sleep(0.005)
        restarting.azure.faults([])
        assert run.result().status == 200
    stored = moment(restarting.served(SECRET)["created"])
    restarts = restarting.calls(ARM, "POST", "/restart")
    assert restarting.restarts() == SITES
    assert all(
        parsedate_to_datetime(call["response_headers"]["date"]) >= stored + timedelta(seconds=1) for call in restarts
    )
