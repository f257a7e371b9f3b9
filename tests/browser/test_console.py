"""The console in a real browser: sign-in, places, few requests, and what a role may read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from sandbox import names
from settings.console.names import TYPES
from tests.browser.console import ConsolePage, Consoles
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

Pages = Callable[..., ConsolePage]
MOST_REQUESTS = 12
OWN_PATHS = {"/api/console/", *(f"/api/console/{name}" for name in TYPES)}
PLACE = "cipp-backend-place"


@pytest.mark.slow("it loads the console twice, and the SDKs")
def test_signed_out_person_signs_in_and_returns_to_the_place(consoles: Consoles) -> None:
    opened = consoles.page_as(None, allows=(401,))
    page = opened.page
    page.goto(f"{opened.address}#/keys/RefreshToken")
    page.wait_for_url("**/api/console/#/keys/RefreshToken")
    expect(page.get_by_role("banner")).to_contain_text("superadmin")
    assert "/.auth/login/aad" in opened.watch.paths()
    assert page.evaluate(f"() => sessionStorage.getItem('{PLACE}')") is None
    # A write with the session: Chromium sends the origin, so the host and the app accept it.
    sent = """async () => (await fetch('/api/ExecFunctionAppStop', {method: 'POST',
        headers: {'Content-Type': 'application/json'}, body: '{"DryRun": true}'})).status"""
    assert page.evaluate(sent) == 200


def test_sign_in_that_does_not_help_is_not_repeated(consoles: Consoles) -> None:
    opened = consoles.page_as(None, allows=(401,))
    page = opened.page
    page.route("**/.auth/login/aad**", lambda route: route.fulfill(status=302, headers={"Location": "/api/console/"}))
    page.goto(opened.address)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("main")).to_contain_text("not signed in")
    assert opened.watch.paths().count("/.auth/login/aad") == 1


def test_first_screen_needs_few_requests_and_only_own_files(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.open()
    paths = opened.watch.paths()
    assert len(paths) <= MOST_REQUESTS, paths
    files = {path for path in paths if path.startswith("/api/console")}
    assert files <= OWN_PATHS
    assert {"/api/console/js/main.js", "/api/console/vendor/preact-htm.js"} <= files


def api_calls(opened: ConsolePage) -> set[str]:
    """Return the endpoints that the page called."""
    found = {path.removeprefix("/api/") for path in opened.watch.paths() if path.startswith("/api/")}
    return {name for name in found if not name.startswith("console/")}


@pytest.mark.slow("a browser, and a CIPP of its own")
def test_role_that_may_not_read_leaves_no_denial_in_the_log(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("readonly", options={"stored_days": 40})
    page = opened.open("users")
    expect(page.get_by_role("main")).to_contain_text("with the role readonly")
    assert api_calls(opened) == {"me", "ListBackendStatus"}
    denials = [row for row in Others(sandbox).rows("CippLogs", record=True) if row["Severity"] == "Warning"]
    assert [row["Message"] for row in denials] == []


def test_status_does_not_wait_for_the_permissions(page_as: Pages) -> None:
    opened = page_as("superadmin")
    waiting: list[Route] = []
    page = opened.page
    page.route("**/api/me", lambda route: waiting.append(route))  # noqa: PLW0108 - playwright marks it
    page.goto(opened.address)
    expect(page.get_by_role("region", name="Until when CIPP works").locator(".promise")).to_be_visible()
    assert api_calls(opened) == {"me", "ListBackendStatus"}
    waiting[0].continue_()
    expect(page.get_by_role("button", name=f"Stop {names.MAIN_SITE}", exact=True)).to_be_enabled()
    assert opened.watch.paths().count("/api/ListBackendStatus") == 1


def test_second_visit_keeps_all_files_but_the_page(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.open()
    opened.page.goto("about:blank")
    page = opened.open()
    sizes = page.evaluate(
        "() => performance.getEntriesByType('resource').filter(e => e.name.includes('?v=')).map(e => e.transferSize)"
    )
    assert len(sizes) >= 3
    assert set(sizes) == {0}


def test_back_and_forward_lead_through_the_places(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open()
    for view in ("keys", "users"):
        page.locator(f"nav a[href='#/{view}']").click()
        expect(page).to_have_url(f"{opened.address}#/{view}")
    page.go_back()
    expect(page).to_have_url(f"{opened.address}#/keys")
    expect(page.locator("nav a[aria-current='page']")).to_have_attribute("href", "#/keys")
    page.go_forward()
    expect(page).to_have_url(f"{opened.address}#/users")


def test_two_presses_in_the_same_moment_open_one_dialog_with_one_check(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open()
    before = len(opened.watch.paths())
    page.evaluate(
        "() => { const one = [...document.querySelectorAll('button')].find(b => b.ariaLabel?.startsWith('Stop '));"
        " one.click(); one.click(); }"
    )
    expect(page.get_by_role("dialog").locator(".working")).to_have_count(0, timeout=20_000)
    expect(page.get_by_role("dialog")).to_have_count(1)
    assert opened.watch.paths()[before:].count("/api/ExecFunctionAppStop") == 1


@pytest.mark.parametrize(
    ("directive", "attempt"),
    [
        ("script-src-attr", "document.body.append(document.createRange().createContextualFragment('x'))"),
        ("script-src", "setTimeout('stop()')"),
        ("connect-src", "fetch('https://example.com').catch(() => {})"),
        ("img-src", "document.body.append(Object.assign(new Image(), {src: 'https://example.com/x.png'}))"),
        (
            "style-src-elem",
            "document.head.append(Object.assign(document.createElement('style'), {textContent: 'a{}'}))",
        ),
    ],
)
def test_policy_blocks_foreign_code_on_the_page(consoles: Consoles, directive: str, attempt: str) -> None:
    opened = consoles.page_as("superadmin")
    page = opened.open()
    violated = "addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective))"
    found = page.evaluate(f"new Promise(resolve => {{ {violated}; try {{ {attempt} }} catch {{}} }})")
    assert found in (directive, "require-trusted-types-for")
    opened.watch.messages.clear()
    opened.watch.requests.clear()
