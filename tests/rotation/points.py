"""The points at which a run can be disturbed: the calls that it really made."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_MADE_ANEW: Final = re.compile(r"[0-9a-f]{32,}")  # versions and instances, which have new ids after each reset


@dataclass(frozen=True)
class Point:
    """The nth call of its kind. `path` is a regular expression."""

    method: str
    host: str
    path: str
    nth: int

    @property
    def only_reads(self) -> bool:
        """Tell whether nothing changes by it; an earlier token stays good when a new one is issued."""
        return self.method == "GET" or self.path.endswith("/token$")

    @property
    def is_of_graph(self) -> bool:
        return self.host.startswith("graph.")

    def fault(self, **how: object) -> dict[str, object]:
        """Return the fault that hits this call."""
        return {"method": self.method, "host": self.host, "path": self.path, "nth": self.nth, **how}

    def was_reached(self, calls: Iterable[dict[str, Any]]) -> bool:
        """Tell whether a run came so far."""
        fitting = [c for c in calls if (c["method"], c["host"]) == (self.method, self.host)]
        return sum(re.search(self.path, c["path"]) is not None for c in fitting) >= self.nth

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path} #{self.nth}"


def points_of(calls: Iterable[dict[str, Any]]) -> list[Point]:
    """Answer the points of recorded calls, in their order."""
    seen: Counter[tuple[str, str, str]] = Counter()
    points = []
    for call in calls:
        kind = (call["method"], call["host"], _pattern(call["path"]))
        seen[kind] += 1
        points.append(Point(*kind, nth=seen[kind]))
    return points


def _pattern(path: str) -> str:
    return "^" + "[0-9a-f]+".join(re.escape(part) for part in _MADE_ANEW.split(path)) + "$"
