"""The project itself on its own host, configured to use the sandbox."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.api import AMBIENT, QUICK
from tests.support.host import PROJECT, Host
from tests.support.sandbox_client import Sandbox


@contextmanager
def project_host(sandbox: Sandbox, folder: Path, **environ: str) -> Iterator[Host]:
    """Start the host with only `environ` in its environment, without this machine's variables, and stop it."""
    with configured_host(sandbox, folder, environ) as running:
        yield running


@contextmanager
def configured_host(
    sandbox: Sandbox,
    folder: Path,
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    arguments: Sequence[str] = (),
    reset: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Host]:
    """Start the host as `project_host` does. `arguments` are the host's, and `reset` the options of the sandbox."""
    sandbox.reset(**{"propagation_seconds": 0, **reset})
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(AMBIENT):
                patch.delenv(name)
        running = Host(folder, str(PROJECT), *arguments, **{**sandbox.env, **QUICK, **environ})
    try:
        yield running
    finally:
        running.end()
