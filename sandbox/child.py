"""The processes that `make run` starts and stops."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox import guard

TAIL_LINES = 25
PATIENCE_SECONDS = 2.0


class ChildEndedError(Exception):
    """A child process exited unexpectedly. The text names it and shows its last output."""


@dataclass(frozen=True)
class Child:
    """A running child process and its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_starts_at: int

    def check(self) -> None:
        """Do nothing while the process runs.

        Raises:
            ChildEndedError: The process exited.
        """
        code = self.process.poll()
        if code is None:
            return
        with self.log.open("rb") as log:
            log.seek(self.log_starts_at)
            lines = log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
        tail = "\n".join(["", *(f"  {line}" for line in lines)])
        raise ChildEndedError(f"{self.name} exited with code {code}. Last lines of {self.log}:{tail}")


class Children:
    """All child processes. They stop when this object closes, or when this process exits for any reason."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the guard, which outlives this process."""
        command = [sys.executable, "-m", guard.__name__]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - fixed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop all child processes."""
        processes = [child.process for child in self._children]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        guard.end({process.pid for process in processes if process.returncode is None}, patience_seconds=0)
        # Reap all of them before the guard checks: it would wait for a zombie.
        for process in processes:
            process.wait()
        if self._guard is not None:
            self._guard.communicate()

    def start(self, name: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> Child:
        """Start `python -m <arguments>` in its own session, so that Ctrl-C reaches only this process.

        Args:
            name: The name of the process in messages.
            arguments: The module and its arguments.
            environ: The complete environment of the process.
            log: The file that the output is appended to.
        """
        with log.open("ab") as output:
            starts_at = output.tell()
            process = subprocess.Popen(  # noqa: S603 - fixed command
                [sys.executable, "-m", *arguments],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._children.append(Child(name, process, log, starts_at))
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.write(b"%d\n" % process.pid)
            self._guard.stdin.flush()
        return self._children[-1]
