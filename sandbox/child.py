"""The processes that `make run` starts and ends."""

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
    """A child ended by itself; the text says which, and what it said."""


@dataclass(frozen=True)
class Child:
    """A running child and where its words go."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_starts_at: int

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            ChildEndedError: It ended.
        """
        code = self.process.poll()
        if code is None:
            return
        with self.log.open("rb") as log:
            log.seek(self.log_starts_at)
            lines = log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
        said = "\n".join(["", *(f"  {line}" for line in lines)])
        raise ChildEndedError(f"{self.name} ended (exit code {code}). The end of {self.log}:{said}")


class Children:
    """The children; they end with this object, and with this process however that ends."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the guard, which outlives us."""
        command = [sys.executable, "-m", guard.__name__]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - ours
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End them all."""
        processes = [child.process for child in self._children]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        guard.end({process.pid for process in processes if process.returncode is None}, patience_seconds=0)
        # all are reaped before the guard looks, which would wait for a zombie
        for process in processes:
            process.wait()
        if self._guard is not None:
            self._guard.communicate()

    def start(self, name: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> Child:
        """Start `python -m <arguments>` in a session of its own: Ctrl-C reaches us alone.

        Args:
            name: What to call it in messages.
            arguments: The module and its arguments.
            environ: Its whole environment.
            log: The file that its output is appended to.
        """
        with log.open("ab") as output:
            starts_at = output.tell()
            process = subprocess.Popen(  # noqa: S603 - ours
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
