"""The process of a run killed between any two calls to Azure; then an hour passes, and another process comes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.api import AMBIENT
from tests.support.rotation.checks import after_a_fault, after_the_next_run, not_rotated
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.lag import NO_LAG, Lag, lag_of
from tests.support.rotation.points import Point, around_writes, points_of, writes_before
from tests.support.rotation.theirs import State
from tests.support.sandbox_client import ROOT
from tests.support.tiers import FULL

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow("each is some runs of a sweep"),
]  # on a machine that others use, too
PARTS: Final = 8  # of the sweep, so that several processes share it
LOCKED_SECONDS: Final = 30.0  # what is promised, by the storage's clock
PATIENCE_SECONDS: Final = 60.0


class Runs:
    """Runs in processes of their own."""

    def __init__(self, deployment: Deployment) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(AMBIENT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.rotation.one_run"],
            cwd=ROOT,
            env={**environ, **deployment.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, lag: Lag = NO_LAG) -> int:
        """Start a run; returns its process id."""
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(lag.settings)}\n")
        self._process.stdin.flush()
        return self._number()

    def end(self) -> int:
        """Wait until the run has completed. Return its exit code, or the negative number of a signal."""
        return self._number()

    def close(self) -> None:
        """End the process that starts them."""
        self._process.communicate(timeout=PATIENCE_SECONDS)

    def _number(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def runs(deployment: Deployment) -> Iterator[Runs]:
    running = Runs(deployment)
    yield running
    running.close()


@pytest.fixture(scope="module")
def points(deployment: Deployment, runs: Runs) -> list[Point]:
    """The calls of a run that is not killed."""
    before = deployment.begin()
    runs.start()
    assert runs.end() == 0
    assert not list(not_rotated(deployment.others.made, before, deployment.sandbox.state()))
    found = points_of(deployment.calls())
    assert len(found) > 60
    return found


def kills(points: list[Point]) -> list[int]:
    """Return the numbers of the calls before which a run is killed: all, or those beside a write.

    The last call may be spared in one run or another: threads share a request, or send it twice.
    """
    return list(range(1, len(points))) if FULL else around_writes(points)


def test_reduced_kills_leave_every_number_of_writes(points: list[Point]) -> None:
    reduced = {writes_before(points, number) for number in around_writes(points)}
    assert reduced == {writes_before(points, number) for number in range(1, len(points))}
    assert max(reduced) > 6


@pytest.mark.larger_in_full_tier
@pytest.mark.every_case("the parts share one reduced sweep")
@pytest.mark.parametrize("part", range(PARTS))
def test_vault_stays_valid_after_a_kill_and_the_next_run_finishes(
    deployment: Deployment, runs: Runs, points: list[Point], part: int
) -> None:
    problems = []
    for number in kills(points)[part::PARTS]:
        lag = lag_of(f"killed before call {number}", number)
        before = killed_before(deployment, runs, number, lag)
        found = after_a_fault(deployment.others, before)
        deployment.sandbox.advance(3600)
        deployment.catch_up()
        found += after_the_next_run(deployment.others, before)
        problems += [f"killed before call {number}, {lag}: {problem}" for problem in found]
    assert not problems


def test_a_killed_runs_lock_is_free_after_half_a_minute(deployment: Deployment, runs: Runs) -> None:
    before = killed_before(deployment, runs, 40)
    deployment.weekly()
    found = not_rotated(deployment.others.made, before, deployment.sandbox.state())
    assert list(found), "the killed run's lock was ignored"
    deployment.sandbox.advance(LOCKED_SECONDS)
    deployment.weekly()
    assert not list(not_rotated(deployment.others.made, before, deployment.sandbox.state()))
    assert after_a_fault(deployment.others, before) == []


def killed_before(deployment: Deployment, runs: Runs, number: int, lag: Lag = NO_LAG) -> State:
    """Start over, and kill a run that waits for the response to its call of that number, which does nothing."""
    sandbox = deployment.sandbox
    before = deployment.begin(lag)
    sandbox.faults([{"mode": "hang", "nth": number}])
    process = runs.start(lag)
    wait_for_call(deployment, number)
    os.kill(process, signal.SIGKILL)
    assert runs.end() == -signal.SIGKILL
    sandbox.faults([])
    return before


def wait_for_call(deployment: Deployment, number: int) -> None:
    """Wait until the sandbox has seen so many calls."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while len(deployment.calls()) < number:
        assert time.monotonic() < give_up_at, f"the run made no call number {number}"
        time.sleep(0.03)
