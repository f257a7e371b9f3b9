"""The installed and compiled packages, once for each lock, Python and keep-list."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from deploy.package.cache import made_once
from deploy.package.keep_list import GENERATED, keep_list
from deploy.package.source import ROOT
from deploy.package.wheels import LOCK, download, files_of, sources_in

COMPILER: Final = Path(__file__).with_name("compile_files.py")
INPUTS: Final = (Path(__file__), COMPILER, Path(__file__).with_name("wheels.py"))
PRUNED: Final = GENERATED.replace(".", "/")
SDK: Final = "msgraph_sdk-"


class CompileError(Exception):
    """A Python file has no valid syntax."""


def site_packages(cache: Path, own: Iterable[str], *, pruned: bool) -> Path:
    """Return the folder of the packages, without what this app can't load of msgraph.generated if `pruned`.

    Args:
        cache: Where the wheels and the folder are kept.
        own: The source of each of this app's modules.
        pruned: False keeps everything.
    """
    lock = (ROOT / LOCK).read_bytes()
    wheels = made_once(
        cache, f"wheels-py{minor()}", hashlib.sha256(lock).hexdigest(), lambda folder: download(ROOT / LOCK, folder)
    )
    kept = kept_paths(wheels, own) if pruned else frozenset[str]()
    builder = [path.read_bytes() for path in INPUTS]
    key = hashlib.sha256(b"\0".join([lock, sys.version.encode(), *sorted(map(str.encode, kept)), *builder]))

    def make(folder: Path) -> None:
        names = install(wheels, folder, lambda path: not pruned or not path.startswith(PRUNED) or path in kept)
        compile_all(folder, names)

    return made_once(cache, f"{'pruned' if pruned else 'whole'}-py{minor()}", key.hexdigest(), make)


def kept_paths(wheels: Path, own: Iterable[str]) -> frozenset[str]:
    """Return the paths of the modules of msgraph.generated that the app can load."""
    (sdk,) = wheels.glob(f"{SDK}*.whl")
    with sources_in(sdk) as source_of:
        return frozenset(f"{name.replace('.', '/')}.py" for name in keep_list(own, source_of))


def install(wheels: Path, folder: Path, is_wanted: Callable[[str], bool]) -> list[str]:
    """Write the wanted files of all wheels, and return the names of those to compile."""
    names = []
    for wheel in sorted(wheels.glob("*.whl")):
        for path, content in files_of(wheel, is_wanted=is_wanted):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            names += [path] if path.endswith(".py") else []
    return names


def compile_all(folder: Path, names: Iterable[str]) -> None:
    """Compile files below a folder, in a fixed order.

    Raises:
        CompileError: A file has no valid syntax.
    """
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-I", "-S", str(COMPILER), str(folder)],
        input="".join(f"{name}\n" for name in sorted(names)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CompileError(f"Couldn't compile the package: {done.stderr.strip()}")


def minor() -> str:
    """Return the minor version of this Python, such as 3.12."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
