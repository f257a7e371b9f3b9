"""A check of keys takes minutes: what a run records meanwhile stays."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from backend.rotation.planning.memory import KeyMemory, proof_tried
from backend.rotation.results import KeyProof
from sandbox import names
from tests.support.rotation.held_run import PATIENT
from tests.support.rotation.scene import ENTRA, TOKEN, Json, Scene, key_of, refused

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REVOKED = 50173
VALID = KeyProof(name=TOKEN, kind="RefreshToken", outcome="proven", reason="It can sign in.")


def redemptions(scene: Scene) -> list[Json]:
    return scene.calls(ENTRA, path=names.TENANT_ID, body="grant_type=refresh_token")


def test_slow_check_keeps_what_a_run_found_meanwhile(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    scene.midweek()
    scene.rotate()
    scene.go(hours=2)
    before_check = len(redemptions(scene))
    for name, value in PATIENT.items():
        nowhere.setenv(name, value)
    api = scene.api()
    at_the_tenant = {"host": ENTRA, "path": f"/{scene.tenants()[0]}/", "mode": "hold", "times": 1}
    scene.azure.faults([at_the_tenant, refused(REVOKED, nth=2)])  # the partner's token is valid at first
    with ThreadPoolExecutor(1) as worker:
        check = worker.submit(api.post, "ExecKeyProof", {})
        try:
            assert scene.azure.wait_until_held(or_else=check.done)
            while len(redemptions(scene)) == before_check:
                time.sleep(0.05)  # until the check has signed in with the partner's token
            scene.go(seconds=2)
            assert scene.report(TOKEN, force=True)["Outcome"] == "failed"
            before = scene.overview()
            assert not check.done()
        finally:
            scene.azure.faults([])
        assert key_of(check.result().results, TOKEN)["Outcome"] == "proven"
    after = scene.overview()
    assert after["WorksUntil"] == before["WorksUntil"]
    assert key_of(after["Keys"], TOKEN)["Problems"] == key_of(before["Keys"], TOKEN)["Problems"] != []


@pytest.mark.parametrize(("failed_after", "stays"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_valid_key_keeps_the_failure_of_a_run_since_the_check_began(failed_after: timedelta, *, stays: bool) -> None:
    at = NOON + failed_after
    memory = KeyMemory(TOKEN.lower(), tried=at, failures=2, dead_since=at, problem="R.")
    kept = proof_tried(memory, VALID, NOON + 9 * SECOND, began=NOON)
    assert kept.proof_tried == NOON + 9 * SECOND
    assert (kept.dead_since is not None, kept.proven is None) == (stays, stays)
    assert (kept.failures, kept.problem) == (2, "R.")


def test_valid_key_is_recorded_when_a_run_rotated_it_meanwhile() -> None:
    memory = KeyMemory(TOKEN.lower(), tried=NOON + SECOND, proven=NOON + SECOND)
    assert proof_tried(memory, VALID, NOON + 9 * SECOND, began=NOON).proven == NOON + 9 * SECOND
