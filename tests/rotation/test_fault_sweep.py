"""Every call of a run refused, cut off after it took effect, or left without an answer; then an hour passes."""

from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.rotation.checks import after_a_fault, after_the_next_run, not_rotated
from tests.rotation.deployment import Deployment
from tests.rotation.points import Point, points_of

pytestmark = pytest.mark.timeout(600)  # on a machine that others use, too
PARTS: Final = 41  # of the sweep, so that several processes share it; odd, so that each has faults of all kinds
MISTAKE: Final = "by a mistake of this app"
Fault = dict[str, Any]
REFUSALS: Final[dict[str, Fault]] = {
    "429": {"mode": "refuse", "status": 429},
    "429 with Retry-After": {"mode": "refuse", "status": 429, "retry_after": 1},
    "500": {"mode": "refuse", "status": 500},
    "503": {"mode": "refuse", "status": 503},
}
DROPPED: Final[Fault] = {"mode": "drop-after"}
HANGING: Final[Fault] = {"mode": "hang"}
FOR_EVER: Final[Fault] = {"times": 0}  # this call and all like it, until the hour has passed
BUSY: Final = "429, 429 with Retry-After and 500, one after another"
# So that what hangs for ever is given up soon; where it is refused for ever, too.
IMPATIENT: Final = {
    "AZURE_CONNECT_TIMEOUT_SECONDS": "0.5",
    "AZURE_READ_TIMEOUT_SECONDS": "0.3",
    "AZURE_DEADLINE_SECONDS": "0.8",
    "KEY_ROTATION_PROOF_TIMEOUT_SECONDS": "0.5",
}


@dataclass(frozen=True)
class Case:
    """One fault at one point, or some on the tries of one call."""

    point: Point
    name: str
    faults: tuple[Fault, ...]

    @property
    def settings(self) -> dict[str, str]:
        """How long the run waits for Azure."""
        waits = any(fault["mode"] == "hang" or "times" in fault for fault in self.faults)
        return IMPATIENT if waits else {}

    @property
    def stops_no_key(self) -> bool:
        """Tell whether a run does its work all the same: it asks a busy Azure again."""
        return self.name == BUSY and not self.point.is_of_graph

    def planted(self) -> list[Fault]:
        """Return the faults as the sandbox takes them: the second for the second try, and so on."""
        return [
            {**self.point.fault(), **fault, "nth": self.point.nth + tried} for tried, fault in enumerate(self.faults)
        ]

    def __str__(self) -> str:
        return f"{self.point} {self.name}"


def cases_of(point: Point) -> list[Case]:
    """Answer what can happen at a point. What only reads is asked again, so several refusals fit into one case."""
    cases = {
        "503 from then on": [REFUSALS["503"] | FOR_EVER],
        "hanging from then on": [HANGING | FOR_EVER],
        "dropped after it took effect": [DROPPED],
    }
    if point.only_reads:
        cases[BUSY] = [REFUSALS[name] for name in ("429", "429 with Retry-After", "500")]
    else:
        cases |= {**{name: [fault] for name, fault in REFUSALS.items()}, "hanging": [HANGING]}
    return [Case(point, name, tuple(faults)) for name, faults in cases.items()]


@pytest.fixture(scope="module")
def cases(deployment: Deployment) -> list[Case]:
    """The faults at all calls of a run that nothing disturbs."""
    before = deployment.begin()
    deployment.weekly()
    points = points_of(deployment.calls())
    assert not list(not_rotated(before, deployment.sandbox.state()))
    assert len(points) > 60
    assert sum(not point.only_reads for point in points) > 6
    return [case for point in points for case in cases_of(point)]


@pytest.mark.parametrize("part", range(PARTS))
def test_what_the_vault_serves_signs_in_and_the_next_run_heals(
    deployment: Deployment, cases: list[Case], part: int, caplog: pytest.LogCaptureFixture
) -> None:
    problems = []
    missed = 0
    for case in cases[part::PARTS]:
        caplog.clear()
        reached, found = swept(deployment, case)
        missed += not reached
        found += [record.getMessage() for record in caplog.records if MISTAKE in record.getMessage()]
        problems += [f"{case}: {problem}" for problem in found]
    assert not problems
    assert missed <= 1, "the runs went another way than the recorded one"  # threads may share a question, or not


def swept(deployment: Deployment, case: Case) -> tuple[bool, list[str]]:
    """Disturb a run, let an hour pass, and let the catch-up come; answers whether the fault struck, and problems."""
    sandbox = deployment.sandbox
    before = deployment.begin()
    sandbox.faults(case.planted())
    deployment.weekly(**case.settings)
    sandbox.faults([])
    reached = case.point.was_reached(deployment.calls())
    problems = after_a_fault(sandbox, before)
    if case.stops_no_key:
        problems += [f"{problem}, though Azure was only busy" for problem in not_rotated(before, sandbox.state())]
    sandbox.advance(3600)
    deployment.catch_up()
    return reached, [*problems, *after_the_next_run(sandbox, before)]
