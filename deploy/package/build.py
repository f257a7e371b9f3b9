"""Build the package: this app's files, and below `.python_packages` everything that it imports, all compiled."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.running_code import VERSION
from deploy.package.archive import sha256_of, write_zip
from deploy.package.cache import made_once
from deploy.package.check_imports import SITE_PACKAGES
from deploy.package.site_packages import compile_all, minor, site_packages
from deploy.package.source import ROOT, app_files

CACHE: Final = ROOT / ".cache" / "package"
CHECK: Final = Path(__file__).with_name("check_imports.py")
INPUTS: Final = (Path(__file__), CHECK, Path(__file__).with_name("archive.py"))
CONTENT: Final = "content"
MOST_UNPACKED_BYTES: Final = 100_000_000
MOST_ZIPPED_BYTES: Final = 25_000_000


class ImportsError(Exception):
    """The package lacks something that this app imports."""


@dataclass(frozen=True)
class Package:
    """A built package. `folder` is what the zip file contains. Nothing may change it."""

    zip_file: Path
    folder: Path

    @property
    def name(self) -> str:
        """The name under which it is published."""
        return f"cipp-backend-{VERSION}-py{minor()}.zip"

    @property
    def sizes(self) -> list[int]:
        """The size of each file, in bytes."""
        return [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]

    @property
    def zipped_bytes(self) -> int:
        """The size of the zip file."""
        return self.zip_file.stat().st_size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the zip file."""
        return sha256_of(self.zip_file)


def build(cache: Path = CACHE, *, pruned: bool = True) -> Package:
    """Return the package of the project as it is now. It is built if its content has changed.

    Raises:
        ImportsError: The package lacks something that the app imports.
        WheelsError, CompileError, KeepListError: It can't be built.
    """
    files = dict(app_files())
    own = [content.decode() for name, content in files.items() if name.endswith(".py")]
    packages = site_packages(cache, own, pruned=pruned)
    key = hashlib.sha256(b"\0".join([packages.name.encode(), *(path.read_bytes() for path in INPUTS)]))
    for name, content in files.items():
        key.update(f"{name}\0{len(content)}\0".encode() + content)

    def make(folder: Path) -> None:
        content = folder / CONTENT
        for name, text in files.items():
            (content / name).parent.mkdir(parents=True, exist_ok=True)
            (content / name).write_bytes(text)
        compile_all(content, [name for name in files if name.endswith(".py")])
        shutil.copytree(packages, content / SITE_PACKAGES, copy_function=os.link)  # 80 MB need not exist twice
        check_imports(content)
        write_zip(content, folder / f"{CONTENT}.zip")

    folder = made_once(cache, f"app-{packages.name.rpartition('-')[0]}", key.hexdigest(), make)
    return Package(folder / f"{CONTENT}.zip", folder / CONTENT)


def check_imports(content: Path) -> int:
    """Import all that the app imports from a package alone, and return the number of names.

    Raises:
        ImportsError: Something can't be imported.
    """
    command = [sys.executable, "-I", "-S", "-B", str(CHECK), str(content)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this interpreter
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise ImportsError(f"Couldn't check what the package lacks: {done.stderr.strip()}") from None
    if found["failed"]:
        lines = "\n".join(f"{name}: {reason}" for name, reason in found["failed"].items())
        raise ImportsError(f"The package lacks what the app imports:\n{lines}")
    return int(found["names"])
