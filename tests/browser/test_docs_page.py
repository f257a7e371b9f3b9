"""The documentation page in a real browser: endpoints can be tried, and all requests go to this app."""

import json
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from sandbox import names
from tests.browser.chromium import Chromium
from tests.browser.watch import Watch
from tests.support.host import Host
from tests.support.project_host import project_host
from tests.support.sandbox_client import Sandbox


@pytest.fixture(scope="module")
def host(chromium: Chromium, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The project on its own host, configured to use the sandbox."""
    del chromium  # no host is started if it is missing
    with project_host(sandbox, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page with a state of its own."""
    opened = browser.new_page(viewport={"width": 1200, "height": 1400})
    yield opened
    opened.close()


def tried(page: Page, name: str) -> tuple[int, object]:
    """Try an endpoint as an admin does. Return the status and the response that the page shows."""
    operation = page.locator(".opblock").filter(has=page.locator(f"[data-path='/{name}']"))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    live = operation.locator(".live-responses-table .response")
    status = int(live.locator(".response-col_status").inner_text().split()[0])
    return status, json.loads(live.locator(".response-col_description pre").first.inner_text())


def test_admin_tries_endpoints_on_the_page(host: Host, page: Page) -> None:
    seen = Watch()
    seen.start(page)
    page.goto(f"http://localhost:{host.port}/api/docs")
    assert page.url == f"http://localhost:{host.port}/api/docs/index.html"

    status, response = tried(page, "ExecBackendURLs")
    assert isinstance(response, dict)
    assert (status, response["Results"]["FunctionName"]) == (200, names.MAIN_SITE)

    status, response = tried(page, "ExecFunctionAppStop")
    assert isinstance(response, dict)
    assert (status, response["Results"]["DryRun"]) == (200, True)

    if picture := os.environ.get("PICTURE"):
        page.screenshot(path=picture, full_page=True)
    assert seen.messages == []
    assert seen.strangers() == set()
    assert set(seen.paths()) - {"/api/docs/favicon-32x32.png"} == {
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
def test_policy_blocks_foreign_code_on_the_page(host: Host, page: Page, directive: str, attempt: str) -> None:
    page.goto(f"http://localhost:{host.port}/api/docs/index.html")
    page.locator(".opblock").first.wait_for()
    violated = "addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective))"
    assert page.evaluate(f"new Promise(resolve => {{ {violated}; {attempt} }})") == directive
