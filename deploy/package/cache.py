"""A folder that is made once for each key. Of the same kind, the one before is removed."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


def made_once(cache: Path, kind: str, key: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of a kind and key. `make` fills it if it does not exist. An interrupted one is made again.

    Other processes wait meanwhile. They share what is ready, so nothing may change it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{kind}-{key[:16]}"
    with (cache / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            for former in cache.glob(f"{kind}-*"):
                shutil.rmtree(former)
            unfinished = cache / f"{kind}-unfinished"
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder
