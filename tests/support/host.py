"""A running host, and the indexing of an app from its text."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.host import index, worker
from tests.support.planted import FINDS

PROJECT = Path(__file__).parents[2]
APPS = PROJECT / "tests" / "host" / "apps"
PATIENCE_SECONDS = 15


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - what JSON may hold
        return json.loads(self.body)


class Host:
    """`python -m sandbox.host` for one of the apps here."""

    def __init__(self, folder: Path, app: str = "good", *options: str, **environ: str) -> None:
        self.port = free_port()
        self.log_path = folder / "host.log"
        command = [sys.executable, "-m", "sandbox.host", "--port", str(self.port), "--root", str(APPS / app), *options]
        with self.log_path.open("wb") as log:
            env = {**os.environ, **environ}
            self.process = subprocess.Popen(command, cwd=PROJECT, stderr=log, env=env)  # noqa: S603 - a fixed command
        wait_for(lambda: self.answers() or self.process.poll() is not None)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.request("GET", "/admin/host/ping").status == 200
        return False

    def request(self, method: str, path: str, body: object = None, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE_SECONDS)
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        if content:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        with contextlib.closing(connection):
            answer = connection.getresponse()
            content = answer.read()
            FINDS.look(f"{content.decode('utf-8', 'replace')} {answer.headers}", f"{method} {path} of a host")
            return Answer(answer.status, dict(answer.getheaders()), content)

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    running = Host(tmp_path_factory.mktemp("host"), WEEKLY="0 0 0 * * 0")
    yield running
    running.end()


@pytest.fixture
def refusals_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], index.Refusals]]:
    """Return a function that indexes an app's text as the host does, in this process."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = sys.modules.pop("function_app", None)

    def refusals(source: str) -> index.Refusals:
        (tmp_path / "function_app.py").write_text(f"import azure.functions as func\n{source}")
        return index.refusals(worker.functions_of(tmp_path), {"WEEKLY": "0 0 0 * * 0"})

    yield refusals
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def wait_for(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)
