"""A running static web app: the emulator, the stub of CIPP's own API, and this API on a local Functions host."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.emulator.browser import Browser
from tests.emulator.emulator import Emulator, why_not
from tests.emulator.shell import Shell
from tests.support.api import AMBIENT, QUICK
from tests.support.host import PROJECT, Host
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import require


@dataclass(frozen=True)
class Site:
    """The static web app: its address, the gateway behind it, and this API behind that."""

    address: str
    shell: Shell
    host: Host

    def browser(self, *roles: str) -> Browser:
        """Open a tab. If roles are given, sign in."""
        opened = Browser(self.address)
        if roles:
            opened.sign_in(*roles)
        return opened


@contextmanager
def running_site(sandbox: Sandbox, folder: Path, **options: object) -> Iterator[Site]:
    """Run everything from the browser's address to the sandbox, which is reset with these options.

    The host adds no caller to requests.
    """
    require("The static web app emulator", why_not())
    sandbox.reset(propagation_seconds=0, **options)
    Others(sandbox).zone("UTC")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        for name in list(os.environ):
            if name.startswith(AMBIENT):
                patch.delenv(name)
        host = Host(folder, str(PROJECT), "--as", "nobody", **{**sandbox.env, **QUICK})
        running.callback(host.end)
        shell = running.enter_context(Shell(host.port))
        emulator = running.enter_context(Emulator(folder, shell.address))
        yield Site(emulator.address, shell, host)
