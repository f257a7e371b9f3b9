"""Runs for a CIPP on a container are disturbed or killed at a write. Then CIPP's own jobs run at their times.

What the vault serves signs in, and what CIPP has in memory, from the disturbance until CIPP has read the keys of the
following week. Every call and outcome is in the sweeps of the function apps.
"""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.rotation.test_kill_sweep import Runs, wait_for_call
from tests.support.rotation.cases import LATE_SECONDS, Case, cases_of, with_lags
from tests.support.rotation.checks import after_a_fault, after_the_next_run, not_rotated, secrets_of
from tests.support.rotation.container import begin, through_the_week
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.lag import lag_of
from tests.support.rotation.points import Point, around_writes, points_of
from tests.support.tiers import chosen

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow("each is some runs of a sweep"),
    pytest.mark.larger_in_full_tier,
]
PARTS = 4  # of the sweep, so that several processes share it
HOUR = 3_600


@pytest.fixture(scope="module")
def points(deployment: Deployment) -> list[Point]:
    """The calls of a run that nothing disturbs."""
    before = begin(deployment)
    begun = len(deployment.calls())
    deployment.weekly()
    points = points_of(deployment.calls()[begun:])
    assert not list(not_rotated(deployment.others.made, before, deployment.sandbox.state()))
    written = " ".join(str(point) for point in points if not point.only_reads)
    assert all(word in written for word in ("addPassword", "addKey", "SAMCertificate", "RefreshToken"))
    assert list(through_the_week(deployment)) == []
    state = deployment.sandbox.state()
    (process,) = state["cipp"]
    assert process["holds"]["ApplicationSecret"] == secrets_of(state)["ApplicationSecret"][-1]["version"]
    return points


@pytest.fixture(scope="module")
def cases(points: list[Point]) -> list[Case]:
    """Two faults at each write in the full tier, at other writes other ones, and otherwise one at some writes."""
    found = []
    for turn, point in enumerate(point for point in points if not point.only_reads):
        alike = cases_of(point)
        found += [alike[(turn + more) % len(alike)] for more in (0, 4)]
    return with_lags(found[:: chosen(reduced=6, full=1)])


@pytest.fixture(scope="module")
def runs(deployment: Deployment) -> Iterator[Runs]:
    running = Runs(deployment)
    yield running
    running.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_all_keys_sign_in_for_a_week_after_a_fault(deployment: Deployment, cases: list[Case], part: int) -> None:
    problems = []
    for case in cases[part::PARTS]:
        before = begin(deployment, case.lag)
        assert case.disturbs_a_run(deployment) or case.lag
        is_late = case.takes_effect_later
        found = after_a_fault(deployment.others, before, may_store_twice=is_late)
        if is_late:
            deployment.sandbox.advance(LATE_SECONDS + 1)
        let_the_next_run_come(deployment)
        found += after_the_next_run(deployment.others, before, may_store_twice=is_late)
        problems += [f"{case}: {problem}" for problem in (*found, *through_the_week(deployment))]
    assert not problems


@pytest.mark.parametrize("part", range(PARTS))
def test_all_keys_sign_in_for_a_week_after_a_kill(
    deployment: Deployment, runs: Runs, points: list[Point], part: int
) -> None:
    problems = []
    for number in around_writes(points)[:: chosen(reduced=5, full=2)][part::PARTS]:
        lag = lag_of(f"killed before call {number}", number)
        before = begin(deployment, lag)
        begun = len(deployment.calls())
        deployment.sandbox.faults([{"mode": "hang", "nth": number}])
        process = runs.start(lag)
        wait_for_call(deployment, begun + number)
        os.kill(process, signal.SIGKILL)
        assert runs.end() == -signal.SIGKILL
        deployment.sandbox.faults([])
        found = after_a_fault(deployment.others, before)
        let_the_next_run_come(deployment)
        found += after_the_next_run(deployment.others, before)
        problems += [
            f"killed before call {number}, {lag}: {problem}" for problem in (*found, *through_the_week(deployment))
        ]
    assert not problems


def let_the_next_run_come(deployment: Deployment) -> None:
    """Let the hourly catch-up come, an hour later."""
    deployment.sandbox.advance(HOUR)
    deployment.catch_up()
