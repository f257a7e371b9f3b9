"""A sandbox of one's own for as long as it takes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 120.0  # the first start may fetch Azurite


@contextmanager
def running_sandbox(root: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Run `python -m sandbox` in `folder`; yield an environment that is aimed at it."""
    env_file = folder / ".sandbox" / "env"
    env_file.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "sandbox", "--quiet"]
    child = subprocess.Popen(command, cwd=folder, env=environment)  # noqa: S603 - our own words
    try:
        yield {**os.environ, **_wait_for(env_file, child)}
    finally:
        child.terminate()
        child.wait(timeout=30)


def _wait_for(env_file: Path, child: subprocess.Popen[bytes]) -> dict[str, str]:
    end = time.monotonic() + _START_SECONDS
    while not env_file.is_file():
        if child.poll() is not None:
            raise RuntimeError(f"The sandbox ended with code {child.returncode} before it answered.")
        if time.monotonic() > end:
            raise TimeoutError(f"The sandbox did not answer within {_START_SECONDS:g} s.")
        time.sleep(0.1)
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)
