"""`make run`: start the sandbox Azure, then the Functions host that uses it, and run until Ctrl-C."""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sandbox.child import Child, ChildEndedError, Children
from sandbox.env_file import EnvFile, OccupiedError
from sandbox.host import port, principal
from sandbox.shapes import SHAPES
from sandbox.welcome import is_ready, welcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_SECONDS = 0.1
# Development containers and CI machines may set these. The other variables of Azure are set on no such machine.
SHARED_WITH_AZURE = ("CONTAINER_NAME", "KUBERNETES_SERVICE_HOST")
PARENT = os.getppid()


class _StopRequested(BaseException):
    """A signal requested this process to stop."""


def main() -> int:
    """Run until a signal arrives. Return 1 if a process did not start or exited unexpectedly."""
    arguments = _arguments()
    for number in SIGNALS:
        signal.signal(number, _request_stop)
    try:
        for opened in port.listen(arguments.port):
            opened.close()
        folder = Path(".sandbox")
        folder.mkdir(exist_ok=True)
        # Raises if another sandbox runs in this directory, and removes the file of a killed one.
        EnvFile(folder).remove()
        try:
            with Children() as children, _uninterrupted_stop():
                _run(children, folder, arguments)
        finally:
            # A sandbox that had to be killed leaves this file.
            (folder / "env").unlink(missing_ok=True)
    except (port.PortInUseError, OccupiedError, ChildEndedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except _StopRequested:
        return 0


@contextlib.contextmanager
def _uninterrupted_stop() -> Iterator[None]:
    """Ignore signals once shutdown has begun: it takes a moment, and must not be interrupted."""
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _run(children: Children, folder: Path, arguments: argparse.Namespace) -> NoReturn:
    on_port, role = arguments.port, arguments.role
    _print("Starting the sandbox Azure ...")
    env_file = folder / "env"
    sandbox = children.start(
        "The sandbox", ["sandbox", "--quiet", "--shape", arguments.shape], os.environ, folder / "sandbox.log"
    )
    _wait(env_file.exists, sandbox)
    log = folder / "host.log"
    log.unlink(missing_ok=True)
    _print("Starting the API ...")
    environ = {**_environment_outside_azure(), **_variables(env_file)}
    host = children.start("The API's host", ["sandbox.host", "--port", str(on_port), "--as", role], environ, log)
    _wait(lambda: is_ready(on_port), sandbox, host)
    _print(welcome(on_port, role, f"{log}, {folder / 'sandbox.log'}, {folder / 'azurite.log'}", arguments.shape))
    _follow(log, sandbox, host)


def _follow(log: Path, *children: Child) -> NoReturn:
    """Print what is appended to a log, until a process exits."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(0, os.SEEK_END)
        while True:
            sys.stdout.write(lines.read())
            sys.stdout.flush()
            _pause(children)


def _wait(until: Callable[[], bool], *children: Child) -> None:
    while not until():
        _pause(children)


def _pause(children: Iterable[Child]) -> None:
    for child in children:
        child.check()
    # If make was killed with SIGKILL, this process gets no signal, but another parent.
    if os.getppid() != PARENT:
        raise _StopRequested
    time.sleep(LOOK_EVERY_SECONDS)


def _environment_outside_azure() -> dict[str, str]:
    """Return this machine's variables without those that make the API assume that it runs in Azure."""
    misleading = [name for name in SHARED_WITH_AZURE if os.environ.get(name)]
    for name in misleading:
        _print(
            f"{name} is set on this machine, and Azure sets it, too. "
            "The API starts without it. Otherwise, it would deny every caller."
        )
    return {name: value for name, value in os.environ.items() if name not in misleading}


def _variables(env_file: Path) -> Mapping[str, str]:
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name}


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopRequested


def _port(text: str) -> int:
    """Return a port. If the text is not a port, exit with an error message."""
    if not (text.isdecimal() and 1 <= int(text) <= port.HIGHEST):
        sys.exit(f"HOST_PORT must be a port from 1 to {port.HIGHEST}, not '{text}'.")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.run", description=__doc__)
    parser.add_argument("--port", type=_port, default=port.DEFAULT)
    parser.add_argument(
        "--as", dest="role", default="superadmin", help=f"the caller's role, or '{principal.NOBODY}' for no caller"
    )
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0], help="how CIPP is installed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
