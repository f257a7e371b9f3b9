"""The points at which a run can be disturbed: the calls that it really made."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_MADE_ANEW: Final = re.compile(r"[0-9a-f]{32,}")  # versions and instances, which have new ids after each reset

Site = tuple[str, str, str]


@dataclass(frozen=True)
class Point:
    """The nth call of its kind. `path` is a regular expression."""

    method: str
    host: str
    path: str
    nth: int

    @property
    def only_reads(self) -> bool:
        """Return whether the call changes nothing. An earlier token stays valid when a new one is issued."""
        return self.method == "GET" or self.path.endswith("/token$")

    @property
    def site(self) -> Site:
        """Return the call site: the method, host and path that all occurrences share."""
        return self.method, self.host, self.path

    @property
    def is_of_graph(self) -> bool:
        return self.host.startswith("graph.")

    def fault(self, **how: object) -> dict[str, object]:
        """Return the fault that hits this call."""
        return {"method": self.method, "host": self.host, "path": self.path, "nth": self.nth, **how}

    def was_reached(self, calls: Iterable[dict[str, Any]]) -> bool:
        """Return whether a run reached the point."""
        fitting = [c for c in calls if (c["method"], c["host"]) == (self.method, self.host)]
        return sum(re.search(self.path, c["path"]) is not None for c in fitting) >= self.nth

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path} #{self.nth}"


def points_of(calls: Iterable[dict[str, Any]]) -> list[Point]:
    """Return the points of recorded calls, in their order."""
    seen: Counter[tuple[str, str, str]] = Counter()
    points = []
    for call in calls:
        kind = (call["method"], call["host"], _pattern(call["path"]))
        seen[kind] += 1
        points.append(Point(*kind, nth=seen[kind]))
    return points


def around_writes(points: Sequence[Point]) -> list[int]:
    """Return the numbers of the calls that write and of those that follow them; the first call has number 1."""
    writes = [number for number, point in enumerate(points, start=1) if not point.only_reads]
    return sorted({*writes, *(number + 1 for number in writes if number < len(points))})


def writes_before(points: Sequence[Point], number: int) -> int:
    """Return how many writes a run has made that ends before the call of that number."""
    return sum(not point.only_reads for point in points[: number - 1])


def _pattern(path: str) -> str:
    return "^" + "[0-9a-f]+".join(re.escape(part) for part in _MADE_ANEW.split(path)) + "$"
