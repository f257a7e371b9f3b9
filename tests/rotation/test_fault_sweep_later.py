"""The writes of a later run that retires old keys of this app, while a certificate by others expires soon.

In the reduced tier, these are the writes that the first run does not make: `test_fault_sweep.py` has the others.
"""

from typing import Any, Final

import pytest

from sandbox import names
from tests.rotation.test_fault_sweep import complete_cases
from tests.support.rotation.cases import (
    LATE_SECONDS,
    Case,
    cases_of,
    of_this_tier,
    representative,
    uncovered,
    with_lags,
    without,
)
from tests.support.rotation.checks import after_a_fault, after_the_next_run, secrets_of
from tests.support.rotation.deployment import ONE_SIGN_IN_CHECK, Deployment
from tests.support.rotation.lag import NO_LAG, Lag
from tests.support.rotation.points import points_of
from tests.support.rotation.theirs import State
from tests.support.sandbox.certificate import Certificate
from tests.support.tiers import FULL

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow("each is some runs of a sweep"),
]  # on a machine that others use, too
PARTS: Final = 7
DAY: Final = 86_400
KINDS: Final = (
    "500",
    f"504, done {LATE_SECONDS} s later",
    "dropped after it took effect",
    "hanging from then on",
)
ENDING: Final = Certificate(days=60)
OLD: Final = 1  # of the versions of a secret, the seeded one being 0


def begin(deployment: Deployment, lag: Lag = NO_LAG) -> tuple[State, State]:
    """Rotate twice, let CIPP restart, and let the overlap pass. Return what others had, and the state now."""
    deployment.begin(lag)
    deployment.others.give_certificate(ENDING)
    deployment.sandbox.advance(lag.settled_after_seconds)
    before = deployment.sandbox.state()
    for days in (7, 33):
        deployment.weekly(**ONE_SIGN_IN_CHECK)
        deployment.sandbox.advance(60)
        for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
            deployment.others.restart(site)
        deployment.sandbox.advance(days * DAY)
    return before, deployment.sandbox.state()


@pytest.fixture(scope="module")
def complete(deployment: Deployment) -> list[Case]:
    """What can happen at the writes of a run that nothing disturbs."""
    before, due = begin(deployment)
    begun = len(deployment.calls())
    deployment.weekly()
    points = [point for point in points_of(deployment.calls()[begun:]) if not point.only_reads]
    assert after_the_next_run(deployment.others, before, due) == []
    assert not_retired(due, deployment.sandbox.state()) == []
    calls = " ".join(map(str, points))
    assert all(word in calls for word in ("addPassword", "removePassword", "addKey", "PATCH", "PUT"))
    return [case for point in points for case in cases_of(point) if case.name in KINDS]


@pytest.fixture(scope="module")
def of_the_first_run(deployment: Deployment) -> list[Case]:
    return complete_cases(deployment)


@pytest.fixture(scope="module")
def cases(complete: list[Case], of_the_first_run: list[Case]) -> list[Case]:
    """The cases of this tier, every third with a lag."""
    return with_lags(of_this_tier(complete if FULL else without(complete, of_the_first_run)))


def test_reduced_sweeps_cover_every_call_site_and_outcome(complete: list[Case], of_the_first_run: list[Case]) -> None:
    rest = representative(without(complete, of_the_first_run))
    assert uncovered([*of_the_first_run, *complete], [*representative(of_the_first_run), *rest]) == set()
    words = ("removePassword", "PATCH cippabc12.vault.azure.net")
    assert all(any(word in str(case) for case in rest) for word in words)


@pytest.mark.larger_in_full_tier
@pytest.mark.every_case("the parts share one reduced sweep")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_next_run_finishes_what_was_to_be_retired(deployment: Deployment, cases: list[Case], part: int) -> None:
    problems = []
    for case in cases[part::PARTS]:
        before, due = begin(deployment, case.lag)
        assert case.disturbs_a_run(deployment) or case.lag
        is_late = case.takes_effect_later
        found = after_a_fault(deployment.others, before, may_store_twice=is_late)
        if is_late:
            deployment.sandbox.advance(LATE_SECONDS + 1)
            found += after_a_fault(deployment.others, before, may_store_twice=True)
        deployment.sandbox.advance(3600)
        deployment.catch_up()
        found += after_the_next_run(deployment.others, before, due, may_store_twice=is_late)
        found += not_retired(due, deployment.sandbox.state())
        problems += [f"{case}: {problem}" for problem in found]
    assert not problems


def not_retired(due: State, now: State) -> list[str]:
    """Yield what is not needed any more and is still valid."""
    problems = []
    for name, versions in secrets_of(due).items():
        if len(versions) > OLD + 1:
            old: dict[str, Any] = secrets_of(now)[name][OLD]
            problems += [f"the old version of {name} is enabled"] if old["enabled"] else []
    key_id = secrets_of(due)["ApplicationSecret"][OLD]["tags"]["credential-id"]
    if key_id in [c["keyId"] for c in now["applications"][names.SAM_APP_ID]["passwordCredentials"]]:
        problems.append("the old client secret is on the app")
    return problems
