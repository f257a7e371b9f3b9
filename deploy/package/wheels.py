"""The wheels that requirements.txt locks, for Azure's Linux, and their files.

A file of a wheel is what pip would install. The scripts that pip makes for commands are left out: Azure doesn't run
them, and they contain the path of the Python that made them. RECORD lists these scripts, and what is pruned.
"""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK: Final = "requirements.txt"
# The images for Python up to 3.11 have glibc 2.31. A wheel for a newer one fails there when it is loaded.
PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
_INSTALLED_PARTS: Final = ("purelib", "platlib")
_LEFT_OUT: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")


class WheelsError(Exception):
    """The wheels can't be downloaded or read."""


def download(lock: Path, folder: Path) -> list[Path]:
    """Download the wheels of a lock for this minor version of Python, and return them. pip compares the hashes.

    pip judges the lock's markers by the Python that runs it, so a package is built for that one.

    Raises:
        WheelsError: pip failed. Its own message was printed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", *(f"--platform={name}" for name in PLATFORMS)]
    done = subprocess.run([*command, "--requirement", str(lock), "--dest", str(folder)], check=False)  # noqa: S603 - pip
    if done.returncode:
        raise WheelsError(f"Couldn't download the wheels of {lock.name}: pip failed. Correct what it names.")
    return sorted(folder.glob("*.whl"))


def files_of(wheel: Path, *, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the path below site-packages and the content of each wanted file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            path = installed_path(name)
            if path and is_wanted(path):
                yield path, archive.read(name)


@contextmanager
def sources_in(wheel: Path) -> Iterator[Callable[[str], str | None]]:
    """Yield a function that returns the source of a module in a wheel by its name, None if it is not there."""
    with zipfile.ZipFile(wheel) as archive:
        names = frozenset(archive.namelist())

        def source_of(module: str) -> str | None:
            base = module.replace(".", "/")
            found = next((name for name in (f"{base}.py", f"{base}/__init__.py") if name in names), None)
            return archive.read(found).decode() if found else None

        yield source_of


def installed_path(name: str) -> str | None:
    """Return where a member of a wheel is installed below site-packages, None if it isn't. Pure.

    Raises:
        WheelsError: The member would be installed elsewhere.
    """
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise WheelsError(f"A wheel has the member {name!r}, which leads out of its folder.")
    if name.endswith("/") or (parts[0].endswith(".dist-info") and parts[-1] in _LEFT_OUT):
        return None
    if parts[0].endswith(".data"):
        return "/".join(parts[2:]) if parts[1] in _INSTALLED_PARTS else None
    return name
