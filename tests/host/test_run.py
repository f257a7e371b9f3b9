"""`python -m sandbox.run` starts all processes, and stops all of them however it is stopped."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.host import port
from sandbox.welcome import welcome
from tests.support.host import APPS, PATIENCE_SECONDS, PROJECT, free_port, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc lists the remaining processes")


class Run:
    """One run in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output.txt"
        self.process = self.start(self.port)

    def start(self, on_port: int | str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sandbox.run", f"--port={on_port}"]
        env = {**os.environ, "PYTHONPATH": str(PROJECT), "WEEKLY": "0 0 0 * * 0"}
        with self.output.open("ab") as output:
            return subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=output)  # noqa: S603 - fixed

    def printed(self, text: str) -> bool:
        return text in self.output.read_text()

    def left(self) -> dict[int, str]:
        """Return the processes that still run in the folder, and their command lines."""
        here = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if process.joinpath("cwd").readlink() == self.folder:
                    here[int(process.name)] = process.joinpath("cmdline").read_text().replace("\0", " ")
        return here


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    shutil.copytree(APPS / "good", tmp_path, dirs_exist_ok=True)
    started = Run(tmp_path)
    wait_for(lambda: started.printed("press Ctrl-C") or started.process.poll() is not None)
    yield started
    started.process.kill()
    started.process.wait()


def test_run_prints_its_url_and_stops_cleanly(run: Run) -> None:
    assert run.printed(f"http://localhost:{run.port}")
    assert run.printed("superadmin")
    assert run.printed("Links (GET /api/ExecBackendURLs)\n  status 404")

    in_use = run.start(run.port)
    assert in_use.wait(PATIENCE_SECONDS) == 1
    assert run.printed(f"HOST_PORT={run.port + 1} make run")

    second = run.start(free_port())
    assert second.wait(PATIENCE_SECONDS) == 1
    assert run.printed("Another sandbox")

    for wrong in ("0", "65536", "-1", "abc", ""):
        assert run.start(wrong).wait(PATIENCE_SECONDS) == 1
        assert run.printed(f"HOST_PORT must be a port from 1 to 65535, not '{wrong}'.")

    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE_SECONDS) == 0
    assert not run.left()
    assert not (run.folder / ".sandbox/env").exists()
    assert not run.printed("Traceback")
    for opened in port.listen(run.port):
        opened.close()


def test_suggested_requests_are_authorized_when_host_adds_no_caller() -> None:
    tries = [
        line
        for line in welcome(free_port(), "nobody", "logs").splitlines()
        if line.startswith("  ") and "/api/" in line
    ]
    assert tries
    assert all("/api/PublicPing" in line or "x-ms-client-principal" in line for line in tries)


def test_no_process_remains_when_run_is_killed(run: Run) -> None:
    assert len(run.left()) > 1
    run.process.kill()
    wait_for(lambda: not run.left())


def test_run_stops_with_the_log_when_a_child_exits(run: Run) -> None:
    (host,) = (number for number, command in run.left().items() if "-m sandbox.host" in command)
    os.kill(host, signal.SIGKILL)
    assert run.process.wait(PATIENCE_SECONDS) == 1
    assert run.printed("code -9")
    assert run.printed(".sandbox/host.log:")
    assert not run.left()
