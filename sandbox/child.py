"""The processes that `make run` starts and ends."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from sandbox import guard

TAIL_LINES = 25


class ChildEndedError(Exception):
    """A child ended by itself; the text says which, and what it said."""


class Children:
    """The running children; they end with this object, and with this process however that ends."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Start the guard that outlives us."""
        self._guard = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", guard.__name__], stdin=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End the children, the last started first."""
        for child in reversed(self._children):
            child.end()
        # the guard finds nothing left
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._guard.wait()

    @property
    def _pipe(self):
        pass

    def start(self, name: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> "Child":
        """Start `python -m ...` in a session of its own, so that Ctrl-C reaches us alone."""
