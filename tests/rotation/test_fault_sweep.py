"""Every call of a run is refused, cut off after it took effect, or left without a response. Then an hour passes."""

from collections.abc import Sequence
from typing import Final

import pytest

from tests.support import phrases
from tests.support.rotation.cases import (
    LATE_SECONDS,
    Case,
    batches,
    cases_of,
    disturb_a_run,
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


def complete_cases(deployment: Deployment) -> list[Case]:
    """Return the faults at all calls of a run that nothing disturbs."""
    before = deployment.begin()
    deployment.weekly()
    points = points_of(deployment.calls())
    assert not list(not_rotated(deployment.others.made, before, deployment.sandbox.state()))
    assert len(points) > 60
    assert sum(not point.only_reads for point in points) > 6
    return [case for point in points for case in cases_of(point)]


@pytest.fixture(scope="module")
def complete(deployment: Deployment) -> list[Case]:
    return complete_cases(deployment)


@pytest.fixture(scope="module")
def runs(complete: list[Case]) -> list[tuple[Case, ...]]:
    """The cases of this tier by the runs that they disturb. Every third has a lag."""
    return batches(with_lags(of_this_tier(complete)))


def test_reduced_sweep_covers_every_call_site_and_outcome(complete: list[Case]) -> None:
    reduced = representative(complete)
    assert uncovered(complete, reduced) == set()
    assert len(reduced) < 0.6 * len(complete)


@pytest.mark.larger_in_full_tier
@pytest.mark.every_case("the parts share one reduced sweep")
@pytest.mark.parametrize("part", range(PARTS))
def test_served_keys_stay_valid_and_the_next_run_repairs(
    deployment: Deployment, runs: list[tuple[Case, ...]], part: int, caplog: pytest.LogCaptureFixture
) -> None:
    problems = []
    missed = 0
    for cases in runs[part::PARTS]:
        caplog.clear()
        reached, found = swept(deployment, cases)
        missed += not reached and not cases[0].lag
        found += [record.getMessage() for record in caplog.records if INTERNAL_ERROR in record.getMessage()]
        problems += [f"{' and '.join(map(str, cases))}: {problem}" for problem in found]
    assert not problems
    assert missed <= 1, "the runs went another way than the recorded one"  # threads may share a question, or not


def swept(deployment: Deployment, cases: Sequence[Case]) -> tuple[bool, list[str]]:
    """Disturb a run, let an hour pass, and let the catch-up come; returns whether all faults struck, and problems."""
    sandbox, others = deployment.sandbox, deployment.others
    is_late = any(case.takes_effect_later for case in cases)
    before = deployment.begin(cases[0].lag)
    reached = disturb_a_run(deployment, cases)
    problems = after_a_fault(others, before, may_store_twice=is_late)
    if is_late:
        sandbox.advance(LATE_SECONDS + 1)
        problems += after_a_fault(others, before, may_store_twice=True)
    if all(case.stops_no_key for case in cases):
        unrotated = not_rotated(others.made, before, sandbox.state())
        problems += [f"{problem}, though Azure was only busy" for problem in unrotated]
    sandbox.advance(3600)
    deployment.catch_up()
    return reached, [*problems, *after_the_next_run(others, before, may_store_twice=is_late)]
