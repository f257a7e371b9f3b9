"""CIPP's own weekly run happens between any two calls of a run by a person, and its nightly read half an hour later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time

import pytest

from tests.support.api import Api
from tests.support.rotation.container import (
    AFTER_READ,
    AFTER_THE_NIGHT,
    BEFORE_READ,
    CONTAINER,
    MONDAY,
    SUNDAY,
    all_fails,
    go_to,
)
from tests.support.rotation.points import around_writes, points_of
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene, key_of
from tests.support.rotation.theirs import orphans, too_many_live, touched
from tests.support.sandbox.certificate import Certificate
from tests.support.tiers import chosen

IMPATIENT = {"KEY_ROTATION_PROOF_COUNT": "1", "KEY_ROTATION_PROOF_GAP_SECONDS": "0.01"}
SATURDAY, JUST_BEFORE_MIDNIGHT = 5, time(23, 59, 40)
PAST_MIDNIGHT_SECONDS = 25  # less than the age at which a lock is free
DUE = Certificate(days=33, age=332)  # on Sunday for CIPP, too


@pytest.mark.timeout(600)
@pytest.mark.larger_in_full_tier
@pytest.mark.slow("some runs for each call of a run")
@pytest.mark.parametrize("key", [TOKEN, SECRET, CERTIFICATE])
def test_cipps_weekly_run_wins_at_every_point_and_all_keys_sign_in(
    scene: Scene, nowhere: pytest.MonkeyPatch, key: str
) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    api = begin(scene)
    begun = len(scene.azure.calls())
    assert key_of(api.post("ExecKeyRotation", {"Names": [key]}).results["Keys"], key)["Outcome"] == "rotated"
    numbers = around_writes(points_of(scene.azure.calls()[begun:]))
    assert len(numbers) > 1
    problems, won = [], 0
    for number in numbers[:: chosen(reduced=3, full=1)]:
        found, is_renewed = interrupted_at(scene, key, number)
        won += is_renewed
        problems += [f"at call {number}: {one}" for one in found]
    assert problems == []
    assert won, "CIPP's own run renewed the key in none of the cases"


def begin(scene: Scene) -> Api:
    """Start over with a CIPP all of whose keys are due, seconds before its weekly run."""
    others = scene.others
    others.reset(direct_tenants=0, propagation_seconds=0, **CONTAINER)
    others.give_certificate(DUE)
    assert list(go_to(others, SATURDAY, JUST_BEFORE_MIDNIGHT)) == []
    return Api()


def interrupted_at(scene: Scene, key: str, number: int) -> tuple[list[str], bool]:
    """Let CIPP's run happen during a call. Return the problems until Monday, and whether CIPP renewed the key."""
    api, others, azure = begin(scene), scene.others, scene.azure
    azure.faults([{"mode": "hold", "nth": number}])
    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(api.post, "ExecKeyRotation", {"Names": [key]})
        try:
            assert azure.wait_until_held(or_else=run.done)
            served = scene.served(key)["version"]
            others.let_cipp_work(PAST_MIDNIGHT_SECONDS)
            after, cipps = azure.state(), scene.served(key)
        finally:
            azure.faults([])
        answer = run.result()
    assert answer.status == 200, answer.text
    is_renewed = cipps["version"] != served
    found = [*all_fails(others, "the end of the run"), *touched(others.made, after, azure.state())]
    if is_renewed and scene.value(key) != cipps["value"]:
        found.append(f"the vault does not serve CIPP's {key}: {answer.text}")
    found += [*go_to(others, SUNDAY, BEFORE_READ), *go_to(others, SUNDAY, AFTER_READ)]
    found += go_to(others, SUNDAY, AFTER_THE_NIGHT)
    scene.tick("KeyRotationCatchUp")
    found += [*all_fails(others, "the run after the night"), *orphans(others.made, azure.state())]
    found += too_many_live(others.made, azure.state())
    found += [*go_to(others, MONDAY, BEFORE_READ), *go_to(others, MONDAY, AFTER_READ)]
    (process,) = azure.state()["cipp"]
    unread = [name for name, held in process["holds"].items() if scene.served(name)["version"] != held]
    return [*found, *(f"CIPP has not read {name}" for name in unread)], is_renewed
