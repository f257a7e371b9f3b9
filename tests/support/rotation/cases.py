"""What can happen at a call.

Azure refuses it, does it later although it refused, cuts it off after it took effect, or never responds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.support.rotation.deployment import Deployment
from tests.support.rotation.lag import NO_LAG, Lag, lag_of
from tests.support.rotation.points import Point, Site
from tests.support.tiers import FULL

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
TOGETHER: Final = 5  # faults from which one run recovers
RECOVERED, FAILED = "recovered by a retry", "failed here"
REFUSED_FOR_EVER, HANGING_FOR_EVER, CUT_OFF = "503 from then on", "hanging from then on", "dropped after it took effect"
READ_OUTCOMES: Final = {
    REFUSED_FOR_EVER: FAILED,
    HANGING_FOR_EVER: FAILED,
    CUT_OFF: RECOVERED,
    BUSY: RECOVERED,
}
# A fault that isn't named here is a class of its own.
WRITE_OUTCOMES: Final = {
    "429": "refused by a busy Azure",
    "429 with Retry-After": "refused by a busy Azure",
    "500": "refused by an error",
    "503": "refused by an error",
    **dict.fromkeys(LATE, "refused, but done later"),
}
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
        """Return whether a run still succeeds, because it retries if Azure is busy."""
        return self.name == BUSY and not self.point.is_of_graph

    @property
    def outcome(self) -> str:
        """Return the outcome class. A read has two: a retry recovers it, or it fails.

        A write that failed was done, was not done, or is done later. It was refused once or for ever, or timed out.
        What a busy Graph refuses is a third class of its reads, which the app may give up.
        """
        if self.point.only_reads:
            return self.name if self.name == BUSY and self.point.is_of_graph else READ_OUTCOMES[self.name]
        return WRITE_OUTCOMES.get(self.name, self.name)

    def planted(self) -> list[Fault]:
        """Return the faults as the sandbox takes them: the second for the second try, and so on."""
        return [
            {**self.point.fault(), **fault, "nth": self.point.nth + tried} for tried, fault in enumerate(self.faults)
        ]

    def disturbs_a_run(self, deployment: Deployment) -> bool:
        """Do a weekly run with the faults, and remove them. Return whether it reached the point."""
        return disturb_a_run(deployment, [self])

    def __str__(self) -> str:
        return f"{self.point} {self.name}{f', {self.lag}' if self.lag else ''}"


def cases_of(point: Point) -> list[Case]:
    """Return the faults that can happen at a point. Reads are retried, so a case can have several refusals."""
    cases = {
        REFUSED_FOR_EVER: [REFUSALS["503"] | FOR_EVER],
        HANGING_FOR_EVER: [HANGING | FOR_EVER],
        CUT_OFF: [DROPPED],
    }
    if point.only_reads:
        cases[BUSY] = [REFUSALS[name] for name in ("429", "429 with Retry-After", "500")]
    else:
        cases |= {**{name: [fault] for name, fault in (REFUSALS | LATE).items()}, "hanging": [HANGING]}
    return [Case(point, name, tuple(faults)) for name, faults in cases.items()]


def representative(cases: Iterable[Case]) -> list[Case]:
    """Return fewer cases, in which every pair of call site and outcome class occurs.

    The faults of a class take turns from site to site. Of a write that is each class at its first and last occurrence
    in a run. Of a read it is each class once, and the classes take turns at its first and last occurrence.
    """
    sites: dict[Site, dict[str, list[Case]]] = {}
    for case in cases:
        sites.setdefault(case.point.site, {}).setdefault(case.outcome, []).append(case)
    found = []
    for turn, site in enumerate(sorted(sites)):
        for number, alike in enumerate(sites[site].values()):
            occurrences = sorted({case.point.nth for case in alike})
            ends = (occurrences[0], occurrences[-1])
            for nth in (ends[(turn + number) % 2],) if alike[0].point.only_reads else sorted({*ends}):
                here = [case for case in alike if case.point.nth == nth]
                found.append(here[turn // 2 % len(here)])
    return found


def uncovered(complete: Iterable[Case], reduced: Iterable[Case]) -> set[tuple[Site, str]]:
    """Return the pairs of call site and outcome class that the complete cases have and the reduced ones lack."""
    return {(case.point.site, case.outcome) for case in complete} - {
        (case.point.site, case.outcome) for case in reduced
    }


def without(cases: Iterable[Case], others: Iterable[Case]) -> list[Case]:
    """Return the cases whose pair of call site and outcome class the others lack."""
    theirs = {(case.point.site, case.outcome) for case in others}
    return [case for case in cases if (case.point.site, case.outcome) not in theirs]


def of_this_tier(cases: Sequence[Case]) -> list[Case]:
    """Return all cases in the full tier, or else a representative choice."""
    return list(cases) if FULL else representative(cases)


def batches(cases: Iterable[Case]) -> list[tuple[Case, ...]]:
    """Return the cases of each run. A run recovers from some faults of the same name, each at another call site.

    All other faults are alone, as are those with a lag, which each have another clock.
    """
    found: list[list[Case]] = []
    for case in cases:
        alike = [batch for batch in found if _recovers_beside(case, batch)]
        if alike:
            alike[0].append(case)
        else:
            found.append([case])
    return [tuple(batch) for batch in found]


def _recovers_beside(case: Case, batch: list[Case]) -> bool:
    same_kind = (case.name, case.stops_no_key, bool(case.lag)) == (batch[0].name, batch[0].stops_no_key, False)
    is_elsewhere = case.point.site not in {other.point.site for other in batch}
    recovers = all(one.point.only_reads and one.outcome == RECOVERED and not one.lag for one in (case, *batch))
    return same_kind and is_elsewhere and recovers and len(batch) < TOGETHER


def disturb_a_run(deployment: Deployment, cases: Sequence[Case]) -> bool:
    """Do a weekly run with the faults of the cases, and remove them. Return whether it reached all points."""
    begun = len(deployment.calls())
    deployment.sandbox.faults([fault for case in cases for fault in case.planted()])
    deployment.weekly(**cases[0].settings)
    deployment.sandbox.faults([])
    calls = deployment.calls()[begun:]
    return all(case.point.was_reached(calls) for case in cases)


def with_lags(cases: list[Case]) -> list[Case]:
    """Give every third case a lag of its own, the same in each process."""
    return [replace(case, lag=lag_of(f"{number} {case.name}", number)) for number, case in enumerate(cases)]
