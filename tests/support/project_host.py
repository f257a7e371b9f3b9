"""The project itself on its own host, configured to use the sandbox."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.api import AMBIENT, QUICK
from tests.support.host import PROJECT, Host
from tests.support.sandbox_client import Sandbox


@contextmanager
def project_host(sandbox: Sandbox, folder: Path, **environ: str) -> Iterator[Host]:
    """Start the host with only `environ` in its environment, without this machine's variables, and stop it."""
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
