"""`make run`: the sandbox Azure, then the Functions host aimed at it, until Ctrl-C."""

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
from sandbox.host import port
from sandbox.welcome import answers, welcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_SECONDS = 0.1
# development containers and CI machines may have them; what else marks Azure is on no such machine
SHARED_WITH_AZURE = ("CONTAINER_NAME", "KUBERNETES_SERVICE_HOST")
PARENT = os.getppid()


class _Told(BaseException):
    """A signal told us to end."""


def main() -> int:
    """Run until told to end; the exit code is 1 when something could not start or ended by itself."""
    arguments = _arguments()
    for number in SIGNALS:
        signal.signal(number, _end)
    try:
        for opened in port.listen(arguments.port):
            opened.close()
        folder = Path(".sandbox")
        folder.mkdir(exist_ok=True)
        # raises when another sandbox has this directory, and removes what a killed one left
        EnvFile(folder).remove()
        try:
            with Children() as children, _uncut_end():
                _run(children, folder, arguments.port, arguments.role)
        finally:
            # a sandbox that had to be killed leaves it
            (folder / "env").unlink(missing_ok=True)
    except (port.PortInUseError, OccupiedError, ChildEndedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except _Told:
        return 0


@contextlib.contextmanager
def _uncut_end() -> Iterator[None]:
    """Heed no signal once the end has begun: it takes a moment, and must not be cut."""
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _run(children: Children, folder: Path, on_port: int, role: str) -> NoReturn:
    _say("Starting the sandbox Azure ...")
    env_file = folder / "env"
    sandbox = children.start("The sandbox", ["sandbox", "--quiet"], os.environ, folder / "sandbox.log")
    _wait(env_file.exists, sandbox)
    log = folder / "host.log"
    log.unlink(missing_ok=True)
    _say("Starting the API ...")
    environ = {**_ours(), **_variables(env_file)}
    host = children.start("The API's host", ["sandbox.host", "--port", str(on_port), "--as", role], environ, log)
    _wait(lambda: answers(on_port), sandbox, host)
    _say(welcome(on_port, role, f"{log}, {folder / 'sandbox.log'}, {folder / 'azurite.log'}"))
    _follow(log, sandbox, host)


def _follow(log: Path, *children: Child) -> NoReturn:
    """Show what is appended to a log, until something ends."""
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
    # a make that was killed outright tells us nothing, but leaves us another parent
    if os.getppid() != PARENT:
        raise _Told
    time.sleep(LOOK_EVERY_SECONDS)


def _ours() -> dict[str, str]:
    """Give this machine's variables without those by which the API would take it for Azure."""
    strange = [name for name in SHARED_WITH_AZURE if os.environ.get(name)]
    for name in strange:
        _say(
            f"{name} is set here and in Azure's own containers; the API starts without it, or it would refuse everyone."
        )
    return {name: value for name, value in os.environ.items() if name not in strange}


def _variables(env_file: Path) -> Mapping[str, str]:
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Told


def _port(text: str) -> int:
    """Read a port; what is none ends the program with a sentence."""
    if not (text.isdecimal() and 1 <= int(text) <= port.HIGHEST):
        sys.exit(f"HOST_PORT must be a port from 1 to {port.HIGHEST}, not '{text}'.")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.run", description=__doc__)
    parser.add_argument("--port", type=_port, default=port.DEFAULT)
    parser.add_argument("--as", dest="role", default="superadmin", help="the caller's role, or nobody")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
