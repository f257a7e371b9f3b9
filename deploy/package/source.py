"""What the package takes from this project: its files, and the commit that they are from."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backend.running_code import COMMIT_FILE, UNKNOWN

ROOT: Final = Path(__file__).resolve().parents[2]
# requirements.txt is what Azure would read if it built the package itself.
CONTENT: Final = ("function_app.py", "host.json", "requirements.txt", "backend", "settings")
CHANGED: Final = "-modified"
_LEFT_OUT: Final = ("__pycache__",)


def app_files(root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file of the app, and of the file that names the commit."""
    listed = _listed(root)
    for name in CONTENT:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            parts = path.relative_to(root).parts
            is_hidden = any(part in _LEFT_OUT or part.startswith(".") for part in parts)
            if path.is_file() and not is_hidden and (listed is None or "/".join(parts) in listed):
                yield "/".join(parts), path.read_bytes()
    yield COMMIT_FILE, f"{commit(root)}\n".encode()


def _listed(root: Path) -> frozenset[str] | None:
    """Return the files that Git knows, or would if they were added. Without Git, all files count.

    A file that Git ignores would be in no commit, and `commit` would not mark it as a change.
    """
    if not _has_own_git(root):
        return None
    names = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CONTENT)
    return None if names is None else frozenset(names.split("\0"))


def commit(root: Path = ROOT) -> str:
    """Return the commit of the files, with a mark if they were changed since. Without Git, it is unknown."""
    head = _git(root, "rev-parse", "--verify", "HEAD")
    if not head or not _has_own_git(root):
        return UNKNOWN
    changes = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *CONTENT)
    return head if changes == "" else f"{head}{CHANGED}"


def _has_own_git(root: Path) -> bool:
    """Return whether Git manages this folder. Another project's Git may be above."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return bool(top) and Path(str(top)).resolve() == root.resolve()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the Git on the path
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
