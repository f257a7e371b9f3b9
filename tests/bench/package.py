"""The package as it is deployed and the same without pruning, on Microsoft's own worker library."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final

from deploy.package.build import MOST_UNPACKED_BYTES, MOST_ZIPPED_BYTES, Package, build
from tests.bench.line import Line
from tests.runtime.figures import ColdStart, cold_start
from tests.runtime.visit import reset
from tests.support.sandbox_client import Sandbox

TIMES: Final = 3
KINDS: Final = {True: "package", False: "the same, not pruned"}


def packages(env: Mapping[str, str]) -> list[Line]:
    """Build both if they have changed, and start each in turn."""
    del env  # for a sandbox that verifies the callers of this app, as in Azure
    built = {pruned: build(pruned=pruned) for pruned in KINDS}
    starts: dict[bool, list[ColdStart]] = {pruned: [] for pruned in KINDS}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(Path(folder)) as azure,
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
    ):
        reset(azure)
        for _ in range(TIMES):
            for pruned, package in built.items():
                starts[pruned].append(cold_start(package.folder, azure.env, log))
    sizes: list[tuple[str, str, Callable[[Package], float], float | None]] = [
        ("files", "", lambda package: len(package.sizes), None),
        ("unpacked", "MB", lambda package: sum(package.sizes) / 1e6, MOST_UNPACKED_BYTES / 1e6),
        ("zipped", "MB", lambda package: package.zipped_bytes / 1e6, MOST_ZIPPED_BYTES / 1e6),
    ]
    times: list[tuple[str, str, Callable[[ColdStart], float]]] = [
        ("start to ready", "s", lambda start: start.ready_seconds),
        ("first response (ExecBackendURLs)", "s", lambda start: start.response_seconds),
        ("first dry run of a rotation", "s", lambda start: start.graph_seconds),
        ("memory at most", "MB", lambda start: start.most_megabytes),
    ]
    return [
        *(
            Line(f"{KINDS[pruned]}, {what}", size(built[pruned]), unit, most if pruned else None)
            for what, unit, size, most in sizes
            for pruned in KINDS
        ),
        *(
            Line(f"{KINDS[pruned]}, {what}", median(map(figure, starts[pruned])), unit)
            for what, unit, figure in times
            for pruned in KINDS
        ),
    ]
