"""ExecBackendURLs: once warm, and the first of a process."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, Final

from tests.api import Api
from tests.bench.imports import fresh
from tests.bench.line import Line
from tests.bench.pairs import pairs, ratio

CALLS: Final = 500
TIMES: Final = 8
COLD_TIMES: Final = 5
# what a first look at Azure cannot do without
SDKS: Final = ("requests", "azure.identity", "azure.mgmt.web", "azure.mgmt.resource.resources")


def warm_links(env: Mapping[str, str]) -> list[Line]:
    """Ask for the links over and over, beside a ping; the time is this process's own, all threads together."""
    del env
    api = Api()
    warnings = api.get("ExecBackendURLs").results["Warnings"]
    if warnings:
        raise RuntimeError(f"The sandbox does not answer as it should, so nothing is measured: {warnings}")
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
    """Ask for the links once in each fresh process, beside the bare import of the SDKs that it needs."""
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
            "of these answers, given before Azure's came", sum(bool(a["warnings"]) for a in counted), f"of {COLD_TIMES}"
        ),
    ]


def _each(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS
