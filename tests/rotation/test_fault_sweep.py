"""Every call of a run refused, cut off after it took effect, or left without an answer; then an hour passes."""

import logging
from typing import Final

import pytest

from tests.rotation.checks import State, after_a_fault, after_the_next_run, not_rotated
from tests.rotation.deployment import IMPATIENT, Deployment
from tests.rotation.points import Point, points_of

FOR_EVER: Final = 0
FAULTS: Final[dict[str, dict[str, object]]] = {
    "429": {"mode": "refuse", "status": 429},
    "429 with Retry-After": {"mode": "refuse", "status": 429, "retry_after": 1},
    "500": {"mode": "refuse", "status": 500},
    "503 from then on": {"mode": "refuse", "status": 503, "times": FOR_EVER},
    "dropped after it took effect": {"mode": "drop-after"},
    "hanging from then on": {"mode": "hang", "times": FOR_EVER},
}
PARTS: Final = 8  # of a sweep, so that several processes share it
MISTAKE: Final = "by a mistake of this app"


@pytest.fixture(scope="module")
def points(deployment: Deployment) -> list[Point]:
    """The calls of a run that nothing disturbs."""
    before = deployment.begin()
    deployment.weekly()
    recorded = points_of(deployment.sandbox.calls())
    assert not list(not_rotated(before, deployment.sandbox.state()))
    assert len(recorded) > 60
    return recorded


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", FAULTS)
def test_what_the_vault_serves_signs_in_and_the_next_run_heals(
    deployment: Deployment, points: list[Point], name: str, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    problems = []
    missed = 0
    for point in points[part::PARTS]:
        caplog.clear()
        reached, found = swept(deployment, point, name)
        missed += not reached
        mistakes = [record.getMessage() for record in caplog.records if MISTAKE in record.getMessage()]
        problems += [f"{point}: {problem}" for problem in [*found, *mistakes]]
    assert not problems
    assert missed <= 1, "the run went another way than the recorded one"  # threads may share a question, or not


def swept(deployment: Deployment, point: Point, name: str) -> tuple[bool, list[str]]:
    """Disturb a run at one point, let an hour pass, and let the catch-up come."""
    sandbox = deployment.sandbox
    before = deployment.begin()
    sandbox.faults([point.fault(**FAULTS[name])])
    deployment.weekly(**IMPATIENT)
    sandbox.faults([])
    reached = point.was_reached(sandbox.calls())
    problems = after_a_fault(sandbox, before)
    if "429" in name and is_repeatable(point):
        problems += [f"{problem}, and busy was all that Azure said" for problem in rotated_at_once(sandbox.state(), before)]
    sandbox.advance(3600)
    deployment.catch_up()
    return reached, [*problems, *after_the_next_run(sandbox, before)]


def rotated_at_once(now: State, before: State) -> list[str]:
    return list(not_rotated(before, now))


def is_repeatable(point: Point) -> bool:
    """Tell whether a call may be sent again where Azure was too busy for it; Graph's writes never are."""
    return point.method in ("GET", "PUT") or point.is_a_token
