"""The fixtures of the browser's tests: a Chromium, and pages of the console in it."""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import MISSING, Chromium, find_chromium
from tests.browser.console import AXE, AXE_MISSING, ConsolePage, Consoles
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import require

# A build container often runs as root and has a small /dev/shm. The page is trusted.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]


@pytest.fixture(scope="module")
def chromium() -> Chromium:
    """The Chromium of this machine."""
    found = find_chromium()
    require("Chromium", "" if found else MISSING)
    assert found
    return found


@pytest.fixture(scope="module")
def browser(chromium: Chromium) -> Iterator[Browser]:
    with sync_playwright() as started:
        environ: dict[str, str | float | bool] = {**os.environ, **chromium.environ}
        running = started.chromium.launch(executable_path=chromium.program, args=OPTIONS, env=environ)
        yield running
        running.close()


@pytest.fixture(scope="module")
def hosts(browser: Browser, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoles]:
    """The hosts of this module's pages. They share one CIPP, until a test needs another one."""
    require("axe-core", "" if AXE.is_file() else AXE_MISSING)
    running = Consoles(browser, sandbox, lambda: tmp_path_factory.mktemp("console"))
    yield running
    running.stop()


@pytest.fixture
def consoles(hosts: Consoles) -> Iterator[Consoles]:
    """The pages of a test. After it, each must have been clean."""
    yield hosts
    hosts.end_of_test()


@pytest.fixture
def page_as(consoles: Consoles) -> Callable[..., ConsolePage]:
    """Return a function that opens a page of the console: `page_as("superadmin", "container").open("keys")`."""
    return consoles.page_as
