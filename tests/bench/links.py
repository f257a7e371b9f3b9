"""ExecBackendURLs: in a warm process, and as the first request of a process."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, Final

from tests.bench.imports import fresh
from tests.bench.line import Line
from tests.bench.pairs import pairs, ratio
from tests.support.api import Api

CALLS: Final = 500
TIMES: Final = 8
COLD_TIMES: Final = 5
# required for a first call of Azure
SDKS: Final = ("requests", "azure.identity", "azure.mgmt.web", "azure.mgmt.resource.resources")


def warm_links(env: Mapping[str, str]) -> list[Line]:
    """Request the links repeatedly, alternating with a ping. The time is the CPU time of the process."""
    del env
    api = Api()
    warnings = api.get("ExecBackendURLs").results["Warnings"]
    if warnings:
        raise RuntimeError(f"Nothing was measured, because the sandbox's response has warnings: {warnings}")
    measured = pairs(
        lambda: _each(lambda: api.get("PublicPing", role=None)),
        lambda: _each(lambda: api.get("ExecBackendURLs")),
        TIMES,
    )
    return [
        Line(
            "ExecBackendURLs once warm, process time", median(links for _, links in measured) * 1e3, "ms", at_most=0.5
        ),
        Line("ExecBackendURLs once warm / PublicPing", ratio(measured), "x"),
    ]


def first_links(env: Mapping[str, str]) -> list[Line]:
    """Request the links once in each fresh process, and compare with the import of the SDKs that it needs."""
    answers: list[dict[str, Any]] = []

    def ask() -> float:
        answers.append(fresh(env, "links"))
        return float(answers[-1]["seconds"])

    measured = pairs(lambda: float(fresh(env, "import", *SDKS)["seconds"]), ask, COLD_TIMES)
    counted = answers[-COLD_TIMES:]
    return [
        Line("ExecBackendURLs, the first of a process", median(links for _, links in measured), "s", at_most=3),
        Line("the same / import of the SDKs it needs", ratio(measured), "x"),
        Line(
            "of these responses, sent before Azure responded",
            sum(bool(a["warnings"]) for a in counted),
            f"of {COLD_TIMES}",
        ),
    ]


def _each(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS
