"""The version and the commit of the running code.

The builder of the package writes the commit into a file beside `function_app.py`. A checkout has no such file, and Git
is not called at run time, so its commit is unknown.
"""

import os.path
from typing import Final

VERSION: Final = "0.1.0"
COMMIT_FILE: Final = "commit.txt"
UNKNOWN: Final = "unknown"
_MOST_CHARACTERS: Final = 64


def commit_in(folder: str) -> str:
    """Return the commit that a folder's file names, `unknown` without a readable file."""
    try:
        with open(os.path.join(folder, COMMIT_FILE), encoding="ascii") as file:  # noqa: PTH118, PTH123 - pathlib takes 5 ms
            text = file.read(_MOST_CHARACTERS + 2).strip()
    except (OSError, ValueError):
        return UNKNOWN
    return text if len(text) <= _MOST_CHARACTERS and text.replace("-", "").isalnum() else UNKNOWN


COMMIT: Final = commit_in(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as above
