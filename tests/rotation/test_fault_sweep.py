"""Every call of a run is refused, cut off after it took effect, or left without a response. Then an hour passes."""

from typing import Final

import pytest

from tests.support import phrases
from tests.support.rotation.cases import (
    LATE_SECONDS,
    Case,
    cases_of,
    of_this_tier,
    representative,
    uncovered,
    with_lags,
)
from tests.support.rotation.checks import after_a_fault, after_the_next_run, not_rotated
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.points import points_of

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow("each is some runs of a sweep"),
]  # on a machine that others use, too
PARTS: Final = 41  # of the sweep, so that several processes share it; odd, so that each has faults of all kinds
INTERNAL_ERROR: Final = phrases.INTERNAL_ERROR


@pytest.fixture(scope="module")
def complete(deployment: Deployment) -> list[Case]:
    """The faults at all calls of a run that nothing disturbs."""
    before = deployment.begin()
    deployment.weekly()
    points = points_of(deployment.calls())
    assert not list(not_rotated(deployment.others.made, before, deployment.sandbox.state()))
    assert len(points) > 60
    assert sum(not point.only_reads for point in points) > 6
    return [case for point in points for case in cases_of(point)]


@pytest.fixture(scope="module")
def cases(complete: list[Case]) -> list[Case]:
    """The cases of this tier, every third with a lag."""
    return with_lags(of_this_tier(complete))


def test_reduced_sweep_covers_every_call_site_and_outcome(complete: list[Case]) -> None:
    reduced = representative(complete)
    assert uncovered(complete, reduced) == set()
    assert len(reduced) < 0.6 * len(complete)


@pytest.mark.every_case("the parts share one reduced sweep")
@pytest.mark.parametrize("part", range(PARTS))
def test_served_keys_stay_valid_and_the_next_run_repairs(
    deployment: Deployment, cases: list[Case], part: int, caplog: pytest.LogCaptureFixture
) -> None:
    problems = []
    missed = 0
    for case in cases[part::PARTS]:
        caplog.clear()
        reached, found = swept(deployment, case)
        missed += not reached and not case.lag
        found += [record.getMessage() for record in caplog.records if INTERNAL_ERROR in record.getMessage()]
        problems += [f"{case}: {problem}" for problem in found]
    assert not problems
    assert missed <= 1, "the runs went another way than the recorded one"  # threads may share a question, or not


def swept(deployment: Deployment, case: Case) -> tuple[bool, list[str]]:
    """Disturb a run, let an hour pass, and let the catch-up come; returns whether the fault struck, and problems."""
    sandbox, others = deployment.sandbox, deployment.others
    before = deployment.begin(case.lag)
    reached = case.disturbs_a_run(deployment)
    problems = after_a_fault(others, before, may_store_twice=case.takes_effect_later)
    if case.takes_effect_later:
        sandbox.advance(LATE_SECONDS + 1)
        problems += after_a_fault(others, before, may_store_twice=True)
    if case.stops_no_key:
        unrotated = not_rotated(others.made, before, sandbox.state())
        problems += [f"{problem}, though Azure was only busy" for problem in unrotated]
    sandbox.advance(3600)
    deployment.catch_up()
    return reached, [*problems, *after_the_next_run(others, before, may_store_twice=case.takes_effect_later)]
