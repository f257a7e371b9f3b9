"""The Azure CLI, loaded once: each command runs in a copy of one process, which saves 1 to 2 s.

Run it with the CLI's own Python: `python preloaded_cli.py SOCKET` serves, and `python preloaded_cli.py SOCKET az ...`
runs one command with the output of the caller. Only the module is shared, so it imports nothing of this project.

The CLI is unmodified but for its pauses. After a package is published, it sleeps for 60 s, and then requests the health
of the app 15 times. In the sandbox that would be most of the time of all checks.
"""

import contextlib
import importlib
import json
import os
import socket
import sys
import time
from typing import Any

_OUTPUTS = 3  # standard input, output and error of the caller
_MODULES = (  # what the CLI loads only for some of its commands
    "azure.cli.command_modules.resource.commands",
    "azure.cli.command_modules.resource.custom",
    "azure.cli.command_modules.role.commands",
    "azure.cli.command_modules.role.custom",
    "azure.cli.core.auth.msal_credentials",
    "azure.core.pipeline.transport",
    "azure.mgmt.authorization",
    "azure.mgmt.resource.deployments",
    "azure.mgmt.resource.resources",
    "azure.mgmt.resource.locks",
    "azure.mgmt.resource.policy",
    "azure.mgmt.resource.features",
    "azure.mgmt.resource.subscriptions",
    "azure.mgmt.resource.managedapplications",
    "azure.mgmt.resource.deploymentstacks",
)
_LONGEST_PAUSE = 0.2  # seconds. The sandbox needs 2 s to publish a package, and the CLI looks 450 times


def serve(path: str) -> None:
    """Load the CLI, then run each command in a forked process until this process is stopped."""
    _load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            _reap()
            continue
        listener.close()
        _run(connection)


def _load() -> None:
    """Make a call that gets no response, so that all modules of a call are loaded before the copies are made."""
    from azure.cli.core import get_default_cli  # type: ignore[import-untyped]  # noqa: PLC0415 - the CLI's own Python has it

    outputs = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    with contextlib.suppress(Exception, SystemExit):
        get_default_cli().invoke(
            ["rest", "--url", "http://127.0.0.1:9/", "--skip-authorization-header", "--query", "x"]
        )
    for name in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    os.close(nowhere)
    _shorten_pauses()


class _BriefTime:
    """The module `time` for one module of the CLI."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, _LONGEST_PAUSE))


def _shorten_pauses() -> None:
    from azure.cli.command_modules.appservice import custom  # type: ignore[import-untyped]  # noqa: PLC0415

    custom.time = _BriefTime()


def _run(connection: socket.socket) -> None:
    text, files, _, _ = socket.recv_fds(connection, 1 << 20, _OUTPUTS)
    for number, file in enumerate(files):
        os.dup2(file, number)
    from azure.cli.core import get_default_cli  # noqa: PLC0415

    code: Any = 1
    try:
        code = get_default_cli().invoke(json.loads(text))
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException as error:  # noqa: BLE001 - as the CLI's own entry point does
        sys.stderr.write(f"ERROR: {error}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code if isinstance(code, int) else 1]))
    os._exit(0)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def command(path: str, words: list[str]) -> int:
    """Run one command, and return its exit code."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    socket.send_fds(connection, [json.dumps(words).encode()], range(_OUTPUTS))
    ended = connection.recv(1)
    return ended[0] if ended else 1


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    sys.exit(command(sys.argv[1], sys.argv[2:]))
