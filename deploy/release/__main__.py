"""`python -m deploy.release v0.2.0`: print the changelog's section of a version, for the notes of its release.

It stops if the tag, the version in `pyproject.toml` and the newest section of the changelog don't agree. It needs the
standard library alone, so a workflow runs it without an installation.
"""

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.release.notes import ReleaseError, notes

ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Print the notes for the tag that the argument names. The exit code is 1 if they don't agree with it."""
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m deploy.release v0.2.0\n")
        return 2
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        text = notes(arguments[0], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
