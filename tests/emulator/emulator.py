"""Microsoft's static web app emulator for a folder, with its /api at an address."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final, Self

import requests

from tests.support.host import free_port, wait_for

HOME: Final = Path(__file__).parent
PROGRAM: Final = HOME / "node_modules/@azure/static-web-apps-cli/dist/cli/bin.js"


def why_not() -> str:
    """Return why the emulator can't be started here. Empty if it can."""
    if shutil.which("node") is None:
        return "Missing Node.js. `make test` installs it and adds it to the path."
    if not PROGRAM.is_file():
        return f"npm did not install the emulator. Run `make test`, or `npm ci --ignore-scripts` in {HOME.name}."
    return ""


class Emulator:
    """A running emulator, without telemetry and without update checks."""

    def __init__(self, folder: Path, api: str) -> None:
        site = folder / "site"
        site.mkdir()
        (site / "index.html").write_text("<title>CIPP</title>", encoding="utf-8")
        port = free_port()
        self.address = f"http://localhost:{port}"
        self._log = folder / "emulator.log"
        options = ("--api-devserver-url", api, "--port", str(port), "--host", "127.0.0.1")
        command = ["node", str(PROGRAM), "start", str(site), *options]
        environ = {**os.environ, "HOME": str(folder), "NO_UPDATE_NOTIFIER": "1", "NO_PROXY": "localhost,127.0.0.1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - installed by npm
                command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: self._answers() or self._process.poll() is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the emulator and the processes that it started, which share a session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.address}/.auth/me", timeout=5).ok
        return False
