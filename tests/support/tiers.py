"""Which tests a run makes.

The tier: `make test` leaves out combinations that `make test-full` makes. The step: tests that compare times run after
the others, one at a time (`python -m tests.run`), since on a busy machine they would measure the machine.
"""

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

import pytest

VARIABLE: Final = "TEST_TIER"
FULL: Final = os.environ.get(VARIABLE) == "full"
STEP: Final = "TEST_STEP"


class Step(Enum):
    """One of the two steps of a run."""

    OTHERS = "do not compare times"
    COMPARES_TIMES = "compare times, one at a time"


def chosen(*, reduced: int, full: int) -> int:
    """Return how many cases the tier makes of a kind."""
    return full if FULL else reduced


def require(program: str, reason: str, environ: Mapping[str, str] = os.environ) -> None:
    """Skip the test if a program can't be used, for the `reason`. With CI=true, fail it."""
    if not reason:
        return
    if environ.get("CI") == "true":
        pytest.fail(f"{program} is required with CI=true. {reason}", pytrace=False)
    pytest.skip(reason)


def with_each_value(combinations: Sequence[Mapping[str, object]]) -> list[int]:
    """Return the places of fewer combinations, in which each value of each argument occurs.

    Each step takes the combination that has the most values which don't occur yet, of several the first.
    """
    lacking = {pair for combination in combinations for pair in combination.items()}
    found: list[int] = []
    while lacking:
        best = max(range(len(combinations)), key=lambda place: len(lacking & combinations[place].items()))
        found.append(best)
        lacking -= combinations[best].items()
    return sorted(found)


def left_out(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that the reduced tier does not run.

    These are the tests of the full tier, and of the marker `each_value` those combinations without a new value.
    """
    found = [item for item in items if item.get_closest_marker("full_tier")]
    groups: dict[tuple[object, str], list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("each_value") and item not in found:
            groups.setdefault((item.parent, item.originalname), []).append(item)
    for alike in groups.values():
        kept = with_each_value([item.callspec.indices for item in alike])
        found += [item for place, item in enumerate(alike) if place not in kept]
    return found


def of_another_step(items: Sequence[pytest.Item], step: str | None = os.environ.get(STEP)) -> list[pytest.Item]:
    """Return the tests that belong to another step than the one named. A run without steps has all."""
    if step is None:
        return []
    compares = Step[step] is Step.COMPARES_TIMES
    return [item for item in items if (item.get_closest_marker("compares_times") is not None) is not compares]
