"""What can happen at a call.

Azure refuses it, does it later although it refused, cuts it off after it took effect, or never responds.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from tests.rotation.deployment import Deployment
from tests.rotation.lag import NO_LAG, Lag, lag_of
from tests.rotation.points import Point

Fault = dict[str, Any]
REFUSALS: Final[dict[str, Fault]] = {
    "429": {"mode": "refuse", "status": 429},
    "429 with Retry-After": {"mode": "refuse", "status": 429, "retry_after": 1},
    "500": {"mode": "refuse", "status": 500},
    "503": {"mode": "refuse", "status": 503},
}
LATE_SECONDS: Final = 20  # of sandbox time, until what was refused takes effect
LATE: Final[dict[str, Fault]] = {
    f"{status}, done {LATE_SECONDS} s later": {
        "mode": "refuse-then-do",
        "status": status,
        "after_seconds": LATE_SECONDS,
    }
    for status in (500, 503, 504)
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
    lag: Lag = NO_LAG

    @property
    def takes_effect_later(self) -> bool:
        """Return whether Azure does later what it refused."""
        return any(fault["mode"] == "refuse-then-do" for fault in self.faults)

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

    def disturbs_a_run(self, deployment: Deployment) -> bool:
        """Do a week's run with the faults; tells whether it came to the point. No fault is left."""
        begun = len(deployment.calls())
        deployment.sandbox.faults(self.planted())
        deployment.weekly(**self.settings)
        deployment.sandbox.faults([])
        return self.point.was_reached(deployment.calls()[begun:])

    def __str__(self) -> str:
        return f"{self.point} {self.name}{f', {self.lag}' if self.lag else ''}"


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
        cases |= {**{name: [fault] for name, fault in (REFUSALS | LATE).items()}, "hanging": [HANGING]}
    return [Case(point, name, tuple(faults)) for name, faults in cases.items()]


def with_lags(cases: list[Case]) -> list[Case]:
    """Give every third case a lag of its own, the same in each process."""
    return [replace(case, lag=lag_of(f"{number} {case.name}", number)) for number, case in enumerate(cases)]
