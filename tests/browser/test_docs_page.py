"""The page of the description in a real browser: an endpoint is tried, and nothing is asked of anyone else."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from sandbox import names
from tests.host.conftest import Host
from tests.project_host import project_host
from tests.sandbox_client import Sandbox

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, BROWSERS) if path), None)
# The container of a build often has no user but root and a small /dev/shm; the page is our own.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt install chromium)")


@dataclass
class Seen:
    """What the browser said and asked while it was on the page."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        # Not every violation is written to the console.
        page.expose_function("told", lambda text: self.said.append(text))  # noqa: PLW0108 - playwright marks what it gets
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => told(`${e.violatedDirective} ${e.blockedURI}`))"
        )

    def strangers(self) -> set[str]:
        return {url for url in self.asked if not url.startswith("data:") and urlsplit(url).hostname != "localhost"}


@pytest.fixture(scope="module")
def host(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The project itself on a host of its own, aimed at the sandbox."""
    with project_host(sandbox, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, with nothing remembered of another."""
    opened = browser.new_page(viewport={"width": 1200, "height": 1400})
    yield opened
    opened.close()


def tried(page: Page, name: str) -> tuple[int, object]:
    """Try an endpoint as an admin does; returns the status and the answer that the page shows."""
    operation = page.locator(".opblock").filter(has=page.locator(f"[data-path='/{name}']"))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    live = operation.locator(".live-responses-table .response")
    status = int(live.locator(".response-col_status").inner_text().split()[0])
    return status, json.loads(live.locator(".response-col_description pre").first.inner_text())


def test_an_admin_tries_endpoints_on_the_page(host: Host, page: Page) -> None:
    seen = Seen()
    seen.watch(page)
    page.goto(f"http://localhost:{host.port}/api/docs")
    assert page.url == f"http://localhost:{host.port}/api/docs/index.html"

    status, answer = tried(page, "ExecBackendURLs")
    assert isinstance(answer, dict)
    assert (status, answer["Results"]["FunctionName"]) == (200, names.MAIN_SITE)

    status, answer = tried(page, "ExecFunctionAppStop")
    assert isinstance(answer, dict)
    assert (status, answer["Results"]["DryRun"]) == (200, True)

    if picture := os.environ.get("PICTURE"):
        page.screenshot(path=picture, full_page=True)
    assert seen.said == []
    assert seen.strangers() == set()
    paths = {urlsplit(url).path for url in seen.asked if not url.startswith("data:")}
    assert paths - {"/api/docs/favicon-32x32.png"} == {
        "/api/docs",
        "/api/docs/index.html",
        "/api/docs/page.css",
        "/api/docs/page.js",
        "/api/docs/swagger-ui.css",
        "/api/docs/swagger-ui-bundle.js",
        "/api/openapi.json",
        "/api/ExecBackendURLs",
        "/api/ExecFunctionAppStop",
    }


@pytest.mark.parametrize(
    ("directive", "attempt"),
    [
        ("script-src-attr", "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"stop()\">')"),
        ("script-src-elem", "document.body.append(Object.assign(document.createElement('script'), {text: 'stop()'}))"),
        ("script-src", "setTimeout('stop()')"),
        ("connect-src", "fetch('https://example.com').catch(() => {})"),
        (
            "base-uri",
            "document.head.append(Object.assign(document.createElement('base'), {href: 'https://example.com'}))",
        ),
    ],
)
def test_the_policy_is_in_force_on_the_page(host: Host, page: Page, directive: str, attempt: str) -> None:
    page.goto(f"http://localhost:{host.port}/api/docs/index.html")
    page.locator(".opblock").first.wait_for()
    violated = "addEventListener('securitypolicyviolation', event => told(event.effectiveDirective))"
    assert page.evaluate(f"new Promise(told => {{ {violated}; {attempt} }})") == directive
