"""`.sandbox/env`: the variables that configure any tool to use the running sandbox."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO


class OccupiedError(Exception):
    """Another sandbox runs in this directory."""


class EnvFile:
    """The file while this process owns it. The lock beside it is released when the process exits."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "env"
        self._lock = self._take(folder / "lock")
        self.path.unlink(missing_ok=True)  # a killed sandbox leaves a file that leads nowhere

    def write(self, variables: Mapping[str, str]) -> None:
        """Write the file atomically: a reader sees all of it or nothing."""
        new = self.path.with_name(f"env.{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), encoding="utf-8")
        new.replace(self.path)

    def remove(self) -> None:
        """Remove the file, and allow another sandbox to start here."""
        self.path.unlink(missing_ok=True)
        self._lock.close()

    def _take(self, path: Path) -> IO[str]:
        lock = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            pid = lock.read().strip()
            lock.close()
            raise OccupiedError(
                f"Another sandbox (process {pid}) runs in this directory and owns {self.path}. "
                "Stop it first, or start this one in another directory."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock
