"""The figures of a cold start on Microsoft's runtime."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from tests.runtime.runtime import Runtime, RuntimeFailedError

FIRST: Final = "ExecBackendURLs"  # it calls Azure
SECOND: Final = "ExecKeyRotation"  # it calls Microsoft Graph, too


@dataclass(frozen=True)
class ColdStart:
    """The seconds until the app is indexed and until the first response, and the megabytes of the process."""

    ready_seconds: float
    response_seconds: float
    graph_seconds: float
    ready_megabytes: float
    most_megabytes: float

    def __str__(self) -> str:
        return (
            f"start to ready {self.ready_seconds:.2f} s, first response ({FIRST}) {self.response_seconds:.2f} s, "
            f"first dry run of a rotation {self.graph_seconds:.2f} s, "
            f"memory {self.ready_megabytes:.0f} MB when ready and {self.most_megabytes:.0f} MB at most"
        )


def cold_start(app: Path, environ: Mapping[str, str], log: TextIO) -> ColdStart:
    """Start a process, and measure its first calls."""
    with Runtime(app, environ, log) as runtime:
        ready_megabytes, _ = runtime.memory()
        response_seconds = _seconds(runtime, FIRST, {})
        graph_seconds = _seconds(runtime, SECOND, {"DryRun": True})
        _, most_megabytes = runtime.memory()
        return ColdStart(runtime.ready_seconds, response_seconds, graph_seconds, ready_megabytes, most_megabytes)


def _seconds(runtime: Runtime, name: str, body: Mapping[str, object]) -> float:
    method = str(runtime.functions[name]["methods"][0])
    began = time.monotonic()
    response = runtime.call(name, method, name, body if method == "POST" else None)
    seconds = time.monotonic() - began
    if response.status != 200:
        raise RuntimeFailedError(f"{name} returned {response.status}: {response.text}")
    return seconds
