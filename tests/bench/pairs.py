"""Measure two things alternately (A B A B), so that a busy machine slows both."""

from collections.abc import Callable
from statistics import median


def pairs(first: Callable[[], float], second: Callable[[], float], times: int) -> list[tuple[float, float]]:
    """Measure both alternately. The first pair warms caches and is discarded."""
    return [(first(), second()) for _ in range(times + 1)][1:]


def ratio(measured: list[tuple[float, float]]) -> float:
    """Return the ratio of the first to the second: the median of the pairs' ratios."""
    return median(second / first for first, second in measured)
