"""ListBackend with a slow Azure. It takes as long as its slowest probe."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

from settings.http.process import services
from tests.bench.line import Line
from tests.bench.pairs import pairs, ratio
from tests.support.api import Api
from tests.support.sandbox_client import Control

LATENCY_SECONDS: Final = 0.15
HOSTS: Final = ("management.azure.com", "vault", "graph.microsoft.com", "login.microsoftonline.com")
TIMES: Final = 5


def overview(env: Mapping[str, str]) -> list[Line]:
    """Time the slowest probe alone and all of them together, alternately."""
    Api().get("ListBackend")
    control = Control(env["SANDBOX_URL"])
    control.reset(propagation_seconds=0, latency_seconds=dict.fromkeys(HOSTS, LATENCY_SECONDS))
    page = services().overview
    times = {kind: _seconds(probe) for kind, probe in page.probes().items()}
    slowest = max(times, key=lambda kind: times[kind])
    measured = pairs(lambda: _seconds(page.probes()[slowest]), lambda: _seconds(page.look), TIMES)
    control.reset()
    return [
        Line("ListBackend / its slowest probe, 150 ms a call", ratio(measured), "x", at_most=1.25),
        Line(f"ListBackend, 150 ms a call (slowest: {slowest})", median(whole for _, whole in measured), "s"),
        Line("the same probes one after another", sum(times.values()), "s"),
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
