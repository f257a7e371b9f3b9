"""Sign-in checks keep to their time, and a key that was not reached is checked in the next hour."""

import time
from datetime import datetime

import pytest

from backend.rotation.reporting.journal import KEYS
from tests.support import phrases
from tests.support.rotation.scene import ENTRA, SECRET, TOKEN, Scene

TENANTS = 100
SECONDS = 14.0


def checked(scene: Scene, since: datetime) -> set[str]:
    """Return the keys of which the journal has a check since then."""
    rows = scene.others.rows(KEYS)
    return {row["RowKey"] for row in rows if "proof_tried" in row and row["proof_tried"] >= since}


@pytest.fixture
def hurried(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """Many tenants, an Entra that takes 2 s, and time for one round of sign-ins."""
    nowhere.setattr("backend.rotation.service.HTTP_SECONDS", SECONDS)
    nowhere.setattr("backend.rotation.running.key_checks.LEAST_SECONDS", 0.0)
    scene.azure.reset(propagation_seconds=0, direct_tenants=TENANTS, latency_seconds={ENTRA: 2.0})
    return scene


@pytest.mark.compares_times
def test_check_ends_in_time_and_records_only_the_keys_it_reached(hurried: Scene) -> None:
    since = hurried.now()
    began = time.monotonic()
    proofs = hurried.prove()
    assert time.monotonic() - began < SECONDS
    late = {proof["Name"].lower(): proof for proof in proofs if phrases.TIME_LIMIT in proof["Reason"]}
    assert {proof["Outcome"] for proof in late.values()} == {"unproven"}
    assert all("ExecKeyProof" in proof["Advice"] for proof in late.values())
    assert len(proofs) == TENANTS + 3
    assert late
    assert checked(hurried, since) == {proof["Name"].lower() for proof in proofs} - late.keys()


def test_keys_are_not_recorded_as_checked_while_entra_hangs(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    since = scene.now()
    scene.azure.faults([{"host": ENTRA, "mode": "hang", "times": 0}])
    assert {proof["Outcome"] for proof in scene.prove(TOKEN, SECRET)} == {"unproven"}
    assert checked(scene, since) <= {SECRET.lower()}
