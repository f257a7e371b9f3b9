"""Microsoft's worker library as a process that runs a package, and the calls of its host."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, TextIO
from urllib.parse import parse_qsl

from deploy.package.archive import sha256_of
from deploy.package.build import CACHE
from deploy.package.cache import made_once
from sandbox import names
from tests.support.api import AMBIENT, QUICK, Answer
from tests.support.principals import user

LOCK: Final = Path(__file__).with_name("requirements.txt")
WORKER: Final = Path(__file__).with_name("worker.py")
HOST: Final = "cippabc12-backend.azurewebsites.net"
# PYTHON: how this machine's own Python is set up
UNWANTED: Final = (*AMBIENT, "PYTHON", "COV_")
IN_AZURE: Final = {"WEBSITE_AUTH_ENABLED": "true", "WEBSITE_INSTANCE_ID": "x", "ALLOWED_TENANTS": names.TENANT_ID}
Json = Any  # any JSON value


class RuntimeFailedError(Exception):
    """The worker refused the app, or a function failed in it."""


def runtime_folder(cache: Path = CACHE) -> Path:
    """Return the folder with Microsoft's library from PyPI, without what it requires. The package has that."""

    def install(folder: Path) -> None:
        options = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-requires-python"]
        command = [sys.executable, "-m", "pip", "install", *options, "--require-hashes", "--no-compile"]
        subprocess.run([*command, "--only-binary=:all:", "-r", str(LOCK), "--target", str(folder)], check=True)  # noqa: S603 - pip
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)  # noqa: S603 - as Azure has it

    return made_once(cache, "runtime", sha256_of(LOCK), install)


class Runtime:
    """A worker process with an app, configured by these variables alone."""

    def __init__(self, app: Path, environ: Mapping[str, str], log: TextIO, *, cache: Path = CACHE) -> None:
        """Start it, and wait until it has indexed the app.

        Raises:
            RuntimeFailedError: It ended, or refused the app or one of its functions.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
        command = [sys.executable, "-I", "-S", "-B", str(WORKER), str(app.resolve()), str(runtime_folder(cache))]
        began = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - a fixed script
            command,
            env={**own, **QUICK, **environ, **IN_AZURE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.index: Json = self._read()
        self.ready_seconds = time.monotonic() - began
        if self.index["refused"]:
            self.stop()
            raise RuntimeFailedError("\n".join(f"{name}: {why}" for name, why in self.index["refused"].items()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process without a warning, as the host does."""
        with self._process:  # waits, and closes the pipes
            self._process.kill()

    @property
    def functions(self) -> dict[str, Json]:
        """The trigger of each function, by its name."""
        return {name: bindings[0] for name, bindings in self.index["functions"].items()}

    def call(  # noqa: PLR0913 - the parts of a request
        self,
        function: str,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        role: str | None = "superadmin",
    ) -> Answer:
        """Call an HTTP function as the host does. A path may have a query."""
        path, _, query = path.partition("?")
        headers = {"host": HOST} | ({} if role is None else user(role))
        text = "" if body is None else json.dumps(body)
        if text:
            headers |= {"content-type": "application/json", "content-length": str(len(text.encode()))}
        http = {
            "method": method,
            "url": f"https://{HOST}/api/{path}{'?' if query else ''}{query}",
            "headers": headers,
            "params": dict(params or {}),
            "query": dict(parse_qsl(query)),
            "body": text,
        }
        return self.answer({"function": function, "http": http})

    def answer(self, call: Json) -> Answer:
        """Make a call of an HTTP function as the host sends it."""
        found = self._send(call)
        return Answer(found["status"], found["headers"], base64.b64decode(found["body"]).decode("utf-8", "replace"))

    def fire(self, timer: str) -> None:
        """Let a timer fire."""
        status = {"Last": "0001-01-01T00:00:00", "Next": "0001-01-01T00:00:00", "LastUpdated": "0001-01-01T00:00:00"}
        self._send(
            {
                "function": timer,
                "timer": {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False},
            }
        )

    def memory(self) -> tuple[float, float]:
        """Return the megabytes of the last response, and at the peak."""
        return self._memory

    def _send(self, call: Json) -> Json:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        found = self._read()
        if "failure" in found:
            raise RuntimeFailedError(f"{call['function']}: {found['failure']}")
        return found

    def _read(self) -> Json:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            with self._process:  # closes the pipes
                raise RuntimeFailedError(f"The worker ended with the exit code {self._process.wait()}.")
        found = json.loads(line)
        self._memory = (found["megabytes"], found["most_megabytes"])
        return found
