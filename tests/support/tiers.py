"""Which tests a run makes.

The tier: `make test` leaves out combinations that `make test-full` makes. The step of `python -m tests.run`: first the
tests of the reduced tier, then those combinations. The tests that compare times run last, among themselves: they
mostly wait, and beside others they would measure the machine.

A test with the marker `larger_in_full_tier` makes more cases or scenarios there. In the full tier it runs among the
combinations, because the first step measures coverage, and that takes nearly half as much time again.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Final

import pytest

VARIABLE: Final = "TEST_TIER"
FULL: Final = os.environ.get(VARIABLE) == "full"
STEP: Final = "TEST_STEP"
ORDINARY_SECONDS: Final = 120.0  # the limit of a test without its own, as in pyproject.toml


class Step(Enum):
    """One of the steps of a run."""

    REDUCED = "do not compare times"
    COMBINATIONS = "only the full tier has"
    COMPARES_TIMES = "compare times"


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


def left_out(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return the tests that the reduced tier does not run.

    These are the tests of the full tier, and most cases of a test that calls the sandbox. Of such a test, the marker
    `each_value` keeps the cases with a new value, and `every_case` keeps all. Else one case stays.
    """
    found = {item for item in items if item.get_closest_marker("full_tier")}
    groups: dict[tuple[object, str], list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item not in found and _is_costly(item):
            groups.setdefault((item.parent, item.originalname), []).append(item)
    for alike in groups.values():
        kept = with_each_value([_values(item) for item in alike]) if _each_value(alike) else [_one_of(alike)]
        found |= {item for place, item in enumerate(alike) if place not in kept}
    return found


def _is_costly(item: pytest.Function) -> bool:
    return "sandbox" in item.fixturenames and item.get_closest_marker("every_case") is None


def _values(item: pytest.Function) -> dict[str, object]:
    """Return a test's arguments by name, as text. Since pytest 9, each case has `indices` of its own."""
    return {name: repr(value) for name, value in item.callspec.params.items()}


def _each_value(alike: Sequence[pytest.Function]) -> bool:
    return alike[0].get_closest_marker("each_value") is not None


def _one_of(alike: Sequence[pytest.Function]) -> int:
    """Return the place of one case. The test's name decides, so that tests with the same values choose others."""
    return zlib.crc32(alike[0].originalname.encode()) % len(alike)


def of_another_step(items: Sequence[pytest.Item], step: str | None = os.environ.get(STEP)) -> list[pytest.Item]:
    """Return the tests that belong to another step than the one named. A run without steps has all."""
    if step is None:
        return []
    combinations = left_out(items)
    return [item for item in items if _step_of(item, combinations) is not Step[step]]


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests by the time that they may take, so that no worker begins a long one when the others end."""
    return sorted(items, key=_may_take_seconds, reverse=True)


def _may_take_seconds(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return max(float(limit.args[0]), ORDINARY_SECONDS) if limit else ORDINARY_SECONDS


def _step_of(item: pytest.Item, combinations: AbstractSet[pytest.Item]) -> Step:
    if item.get_closest_marker("compares_times"):
        return Step.COMPARES_TIMES
    is_complete_sweep = FULL and item.get_closest_marker("larger_in_full_tier") is not None
    return Step.COMBINATIONS if is_complete_sweep or item in combinations else Step.REDUCED
