"""The console on bad days: Azure hangs in one part, names are hostile, tenants are many, a run is long."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from sandbox import names
from tests.browser.console import SCREEN_MILLISECONDS, ConsolePage
from tests.browser.writes import confirm, dialog_of
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and a CIPP of its own"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
VAULT_HOST = f"{names.VAULT}.vault.azure.net"
ARM = "management.azure.com"
MARKUP = "<img src=x onerror=\"report('run')\"><b>bold</b>"
LONG = "x" * 400
RIGHT_TO_LEFT = "\u202eevil\u05d0\u05d1\u05d2"
TENANTS = 1000
# The run waits for the vault as long as the test takes on a busy machine. By default, it repeats a call after 6 s.
PATIENT = {"AZURE_READ_TIMEOUT_SECONDS": "600", "AZURE_DEADLINE_SECONDS": "900"}
AHEAD_MILLISECONDS = 60_000


@pytest.fixture(autouse=True)
def _no_faults_stay(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults([])


def test_part_that_hangs_leaves_the_others(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40}, allows=(500,))
    sandbox.faults([{"host": ARM, "path": "/customDomains", "mode": "hang", "times": 0}])
    page = opened.page
    page.goto(f"{opened.address}#/domains")
    expect(page.get_by_role("main")).to_contain_text("Loading the domains")
    page.get_by_role("link", name="Users", exact=True).first.click()
    expect(page.get_by_role("main")).to_contain_text("alex@contosomsp.com", timeout=10_000)
    page.get_by_role("link", name="Overview", exact=True).first.click()
    expect(page.get_by_role("button", name=f"Stop {names.MAIN_SITE}", exact=True)).to_be_visible(timeout=10_000)


def test_refused_part_shows_its_error_and_what_was_loaded_before(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40}, allows=(500,))
    page = opened.open("users")
    sandbox.faults([{"host": ARM, "path": "/listUsers", "mode": "refuse", "status": 403, "times": 0}])
    page.get_by_role("button", name="Reload now").click()
    trouble = page.get_by_role("group", name="Problem")
    expect(trouble).to_contain_text("Correlation ID")
    expect(trouble).to_contain_text("What is shown is of")
    expect(page.get_by_role("main")).to_contain_text("alex@contosomsp.com")
    expect(page.get_by_role("banner")).to_contain_text(names.MAIN_SITE)
    assert opened.axe() == []
    sandbox.faults([])
    trouble.get_by_role("button", name="Try again").click()
    expect(trouble).to_have_count(0)


def test_offline_browser_keeps_what_was_loaded(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open("users")
    page.context.set_offline(True)
    page.get_by_role("button", name="Reload now").click()
    expect(page.get_by_role("main")).to_contain_text("Couldn't reach CIPP Backend")
    expect(page.get_by_role("main")).to_contain_text("alex@contosomsp.com")
    page.context.set_offline(False)
    opened.watch.messages.clear()  # Chromium reports each request that failed


@pytest.mark.parametrize("name", [MARKUP, LONG, RIGHT_TO_LEFT], ids=["markup", "long", "right-to-left"])
def test_hostile_names_are_text(page_as: Pages, sandbox: Sandbox, name: str) -> None:
    opened = page_as("superadmin", width=360, options={"stored_days": 40})
    sandbox.faults(
        [
            {"host": ARM, "path": "/listUsers", "times": 0, "edit": [["value.2.properties.displayName", name]]},
            {"host": ARM, "path": "/deployments", "times": 0, "edit": [["value.*.properties.message", name]]},
        ]
    )
    page = opened.open("users")
    expect(page.get_by_text(name, exact=True).first).to_be_visible()
    assert opened.overflow() <= 0
    page.get_by_role("button", name=f"Remove {name}", exact=True).click()
    expect(dialog_of(page).get_by_role("textbox")).to_be_visible()
    assert opened.overflow() <= 0
    page.keyboard.press("Escape")
    opened.open("deployment")
    expect(page.get_by_text(name, exact=True).first).to_be_visible()
    assert opened.overflow() <= 0
    assert page.locator("main img").count() == 0


def test_thousand_tenants_are_paged_and_found(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"direct_tenants": TENANTS})
    page = opened.open("keys")
    expect(page.get_by_role("main")).to_contain_text(f"1 to 50 of {TENANTS + 2}")
    assert page.locator(".timeline li").count() == 50
    last = max(name for name in sandbox.state()["vaults"][names.VAULT]["secrets"] if "-" in name)
    found = page.locator(".timeline li")
    search = page.get_by_role("searchbox", name="Search keys")
    search.fill(last)
    expect(found).to_have_count(1)
    link = found.get_by_role("link")
    expect(link).to_have_attribute("href", f"#/keys/{last}")
    shown = link.inner_text()
    assert shown != last  # the name of the tenant
    search.fill("")
    expect(found).to_have_count(50)
    search.fill(shown)
    expect(found.locator(f"a[href='#/keys/{last}']")).to_be_visible()


def loaded_now(page: Page) -> None:
    """Load what the page shows, and wait until it is drawn. While the clock is paused, no part is due afterwards."""
    button = page.get_by_role("button", name="Reload now")
    button.click()
    expect(button.locator("svg.spin")).to_have_count(0, timeout=SCREEN_MILLISECONDS)


def test_running_rotation_is_shown_to_others_and_survives_a_reload(page_as: Pages, sandbox: Sandbox) -> None:
    first, second = (
        page_as("superadmin", options={"stored_days": 40}, environ=PATIENT),
        page_as("admin", environ=PATIENT),
    )
    page = first.open("keys")
    page.get_by_role("button", name="Rotate what is due").click()
    dialog = dialog_of(page)
    sandbox.faults([{"host": VAULT_HOST, "method": "PUT", "mode": "hold"}])
    dialog.get_by_role("button", name="Rotate", exact=True).click()
    sandbox.wait_until_held()
    other = second.page
    other.goto(f"{second.address}#/")
    progress = other.get_by_role("region", name="Rotation in progress")
    expect(progress).to_be_visible(timeout=SCREEN_MILLISECONDS)
    expect(progress.get_by_role("progressbar")).to_be_visible()
    assert second.axe() == []
    other.clock.install()
    other.reload()
    second.settled()
    expect(progress).to_be_visible(timeout=SCREEN_MILLISECONDS)
    other.clock.pause_at(int(other.evaluate("() => Date.now()")) + AHEAD_MILLISECONDS)
    loaded_now(other)
    loads = Counter(second.watch.paths())
    with other.expect_response("**/api/ListKeyRotations"):
        other.clock.run_for(6_000)
    since = Counter(second.watch.paths())
    assert [since[path] - loads[path] for path in ("/api/me", "/api/ListFunctionApps")] == [0, 0]
    other.evaluate(
        "() => Object.defineProperty(document, 'visibilityState', {get: () => 'hidden', configurable: true})"
    )
    other.clock.run_for(11_000)
    assert Counter(second.watch.paths()) == since
    other.evaluate("() => { delete document.visibilityState; }")
    other.clock.resume()
    sandbox.faults([])
    expect(dialog).to_contain_text("Correlation ID", timeout=60_000)
    end = other.get_by_role("status", name="Rotation complete")
    expect(end).to_contain_text("rotated", timeout=30_000)
    end.get_by_role("link", name="See what changed").click()
    expect(other.get_by_role("main")).to_contain_text("The new one was verified")


def test_times_are_of_the_reader_or_of_cipp(page_as: Pages) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = page_as("superadmin", options={"now": now, "timezone": "Pacific/Auckland"}).open()
    promise = page.get_by_role("region", name="Until when CIPP works")
    expect(promise).to_contain_text("CIPP keeps working until")
    expect(promise).to_contain_text("in 20 days")
    before = promise.locator("time").first.inner_text()
    page.get_by_role("button", name="Your time zone").click()
    expect(page.get_by_role("button", name="CIPP's time zone (Pacific/Auckland)")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert promise.locator("time").first.inner_text() != before


def test_write_that_is_refused_shows_the_reason_and_the_id(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40}, allows=(500,))
    page = opened.open()
    page.get_by_role("button", name=f"Restart {names.MAIN_SITE}", exact=True).click()
    dialog = dialog_of(page)
    sandbox.faults([{"host": ARM, "path": "/restart", "mode": "refuse", "status": 403, "times": 0}])
    dialog.get_by_role("button", name="Restart", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("403", timeout=20_000)
    expect(dialog).to_contain_text("Correlation ID")
    assert opened.axe() == []


def test_dialog_of_a_write_has_no_violation_of_axe(page_as: Pages) -> None:
    opened = page_as("superadmin", width=360, scheme="dark")
    page = opened.open()
    page.get_by_role("button", name=f"Stop {names.MAIN_SITE}", exact=True).click()
    dialog_of(page)
    assert opened.axe() == []
    assert opened.overflow() <= 0


def test_page_loads_again_while_it_is_visible(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    opened.page.clock.install()
    page = opened.open("users")
    sandbox.faults(
        [{"host": ARM, "path": "/listUsers", "times": 0, "edit": [["value.0.properties.displayName", "new"]]}]
    )
    page.clock.run_for(17_000)
    expect(page.get_by_role("main").get_by_text("new", exact=True)).to_be_visible()


def test_confirmed_write_is_in_the_dialog_with_its_result(page_as: Pages) -> None:
    page = page_as("superadmin").open()
    page.get_by_role("button", name=f"Restart {names.MAIN_SITE}-proc", exact=True).click()
    expect(confirm(page, "Restart")).to_contain_text(f"{names.MAIN_SITE}-proc")
