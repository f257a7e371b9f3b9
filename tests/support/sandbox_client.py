"""The running sandbox for a test: its variables and its control address."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import requests

from tests.support.start_times import start

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
Json = Any  # what JSON may hold
_OPENER = build_opener(ProxyHandler({}))


class Control:
    """A running sandbox's control address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> dict[str, Json]:
        """Return everything that the sandbox stores."""
        state: dict[str, Json] = self.control("GET", "state")
        return state

    def reset(self, **options: object) -> dict[str, Json]:
        """Start over and return the new state. Unless `now` is given, the time is the tests' start time."""
        state: dict[str, Json] = self.control("POST", "reset", {"now": start(), **options})
        return state

    def faults(self, faults: list[dict[str, object]]) -> None:
        """Replace the planted faults."""
        self.control("POST", "faults", faults)

    def wait_until_held(self, *, or_else: Callable[[], bool] = lambda: False) -> bool:
        """Wait until a planted fault holds a call. Return False if `or_else` became true before."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if any(fault["held"] for fault in self.control("GET", "faults")["faults"]):
                return True
            if or_else():
                return False
            time.sleep(0.005)
        raise RuntimeError("The fault held no call in time.")

    def advance(self, seconds: float) -> None:
        """Advance the sandbox's clock."""
        self.control("POST", "clock", {"advance_seconds": seconds})

    def calls(self, host: str | None = None, *, tables: bool = False) -> list[dict[str, Any]]:
        """Return every call since the reset, oldest first, or those to one host. `tables` includes those by key."""
        calls: list[dict[str, Any]] = self.control("GET", f"calls?tables={str(tables).lower()}")
        return [call for call in calls if host in (None, call["host"])]

    def control(self, method: str, name: str, body: object = None) -> Json:
        """Call the control address. A refusal raises `urllib.error.HTTPError`."""
        return self.fetch(method, f"/sandbox/{name}", None if body is None else json.dumps(body).encode())

    def refused(self, name: str, body: bytes) -> tuple[int, str]:
        """Return status and body of a control call that must be refused."""
        try:
            self.fetch("POST", f"/sandbox/{name}", body)
        except HTTPError as error:
            return error.code, error.read().decode()
        raise AssertionError(f"/sandbox/{name} accepted {body!r}")

    def fetch(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Json:
        """Call the plain HTTP address without a proxy."""
        request = Request(self.url + path, body, headers, method=method)  # noqa: S310 - a loopback address
        with _OPENER.open(request, timeout=30) as response:
            return json.load(response)


class Sandbox(Control):
    """`python -m sandbox` in its own directory."""

    def __init__(self, folder: Path, stale: str = "", *, trusts_others: bool = True) -> None:
        """Start it and wait for its env file.

        Args:
            folder: Where it starts.
            stale: The content of an env file that a killed one left.
            trusts_others: Whether its bundle has this machine's authorities too. A client reads all of them for each
                connection, which takes 20 ms.
        """
        self.folder = folder
        self._stale = stale
        none = folder / "none.pem"
        none.touch()
        self._log = (folder / "output.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--quiet"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **({} if trusts_others else {"SSL_CERT_FILE": str(none)})},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.env = self._read_env()
        super().__init__(self.env["SANDBOX_URL"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self._log.close()

    def output(self) -> str:
        """Return the output of the process."""
        self._log.seek(0)
        return self._log.read()

    def web(self) -> requests.Session:
        """Return a client that uses the sandbox's proxy, regardless of this machine's variables."""
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"https": self.env["HTTPS_PROXY"], "http": self.env["HTTPS_PROXY"]}
        session.verify = self.env["SSL_CERT_FILE"]
        return session

    def run(self, script: str) -> str:
        """Run Python code as a tool that `.sandbox/env` configures, and return its output."""
        done = subprocess.run(  # noqa: S603 - the test's own script
            [sys.executable, "-c", script],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        sys.stderr.write(done.stderr)  # pytest shows it if the test fails
        return done.stdout

    def _read_env(self) -> dict[str, str]:
        path = self.folder / ".sandbox" / "env"
        end = time.monotonic() + START_SECONDS
        while (text := _text(path)) in ("", self._stale):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The sandbox did not start:\n{self.output()}")
            time.sleep(0.02)
        return {name: value for name, _, value in (line.partition("=") for line in text.splitlines())}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
