"""The Chromium of the tests, from the system or from npm."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
UNPACKED: Final = Path(__file__).parent / "node_modules" / ".chromium"
MISSING: Final = (
    "Chromium is missing. On Linux x86-64, run `make test` to install it. On other systems, install it yourself."
)


@dataclass(frozen=True)
class Chromium:
    """A program and the variables that it needs."""

    program: str
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def find_chromium() -> Chromium | None:
    """Return the system's Chromium, or else npm's with its own libraries and fonts. Return None if both are missing."""
    if program := next(filter(None, map(shutil.which, NAMES)), None):
        return Chromium(program)
    if not (UNPACKED / "chromium").is_file():
        return None
    environ = {"LD_LIBRARY_PATH": str(UNPACKED / "lib"), "FONTCONFIG_FILE": str(UNPACKED / "fonts.conf")}
    return Chromium(str(UNPACKED / "chromium"), environ)
