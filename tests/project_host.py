"""The project itself on a host of its own, aimed at the sandbox."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api import AMBIENT, QUICK
from tests.host.conftest import PROJECT, Host
from tests.sandbox_client import Sandbox


@contextmanager
def project_host(sandbox: Sandbox, folder: Path, **environ: str) -> Iterator[Host]:
    """Start it in an environment that has nothing of this machine's, but `environ`, and stop it."""
    sandbox.reset(propagation_seconds=0)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(AMBIENT):
                patch.delenv(name)
        running = Host(folder, str(PROJECT), **{**sandbox.env, **QUICK, **environ})
    try:
        yield running
    finally:
        running.end()
