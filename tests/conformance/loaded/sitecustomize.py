"""Append the name of each module of msgraph.generated that a process looks for to a file of that process.

Python runs this at the start of every process that has this folder on PYTHONPATH. What was written stays if the process
is killed.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType

FOLDER = os.environ.get("LOADED_MODULES", "")
PREFIX = "msgraph.generated."


class Recorder:
    """A finder that finds nothing, and records the names."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        """Record a name."""
        if name.startswith(PREFIX):
            with open(f"{FOLDER}/{os.getpid()}", "a", encoding="utf-8") as file:  # noqa: PTH123 - it runs in every process
                file.write(f"{name}\n")


if FOLDER:
    sys.meta_path.insert(0, Recorder)
