"""Sign in again: a person replaces a revoked refresh token in the console, by a code or by a pasted address."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox import names
from tests.browser.console import ConsolePage
from tests.browser.writes import WRITE_MILLISECONDS, close, dialog_of
from tests.support.planted import MARKER
from tests.support.sandbox_client import Sandbox
from tests.support.sign_in import Person

Pages = Callable[..., ConsolePage]
TOKEN = "RefreshToken"
# Entra's interval is 5 s. The test need not wait that long, and the sandbox's clock still sees 10 s between two polls.
FAST = {"clock_rate": 10}
EVERY_SECOND = {"path": "/devicecode$", "edit": [["interval", 1]], "times": 0}
full = pytest.mark.full_tier("the first test signs in by a code")


def versions(sandbox: Sandbox, name: str = TOKEN) -> int:
    return len(sandbox.state()["vaults"][names.VAULT]["secrets"][name])


def begin(page: Page, *, by_code: bool = True) -> Locator:
    """Open the dialog, read what would happen, and start."""
    page.get_by_role("button", name="Sign in again", exact=True).click()
    dialog = dialog_of(page)
    if not by_code:
        dialog.get_by_role("radio", name="In the browser").check()
        dialog = dialog_of(page)
    expect(dialog.locator(".plan")).to_contain_text(names.SAM_APP_ID)
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("link")).to_be_visible(timeout=WRITE_MILLISECONDS)
    return dialog


def user_code(dialog: Locator) -> str:
    return dialog.get_by_role("group", name="the code").inner_text()


def expect_stored(dialog: Locator) -> None:
    expect(dialog.locator(".outcome")).to_contain_text("Good:", timeout=WRITE_MILLISECONDS)
    expect(dialog).to_contain_text("Correlation ID")


def stored_texts(page: Page) -> str:
    """Return all that the page keeps in the browser's storage."""
    return str(page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])"))


@pytest.mark.slow("a browser, and a person who signs in")
def test_person_signs_in_by_a_code_and_the_token_is_stored(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options=FAST)
    sandbox.faults([EVERY_SECOND])
    page = opened.open(f"keys/{TOKEN}")
    before = versions(sandbox)
    dialog = begin(page)
    expect(dialog.get_by_role("link")).to_have_attribute("href", "https://microsoft.com/devicelogin")
    expect(dialog).to_contain_text("has not signed in yet", timeout=WRITE_MILLISECONDS)
    assert opened.axe() == []
    assert opened.overflow() <= 0
    Person(sandbox).enter(user_code(dialog))
    expect_stored(dialog)
    assert versions(sandbox) == before + 1
    assert MARKER not in page.content()
    assert "State" not in stored_texts(page)
    close(page)
    expect(page.get_by_role("button", name="Sign in again", exact=True)).to_be_focused()
    sandbox.faults([])


@full
@pytest.mark.slow("a browser, and a person who signs in")
def test_person_signs_in_by_a_pasted_address_for_a_direct_tenant(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", "container", width=360)
    secrets = sandbox.state()["vaults"][names.VAULT]["secrets"]
    tenant = next(name for name in secrets if name.count("-") == 4)
    page = opened.open(f"keys/{tenant}")
    before = versions(sandbox, tenant)
    dialog = begin(page, by_code=False)
    login = dialog.locator("strong").inner_text()
    address = str(dialog.get_by_role("link").get_attribute("href"))
    store = dialog.get_by_role("button", name="Store the new token")
    expect(store).to_be_disabled()
    assert opened.axe() == []
    assert opened.overflow() <= 0
    dialog.get_by_role("textbox").fill(Person(sandbox, login).sign_in_at(address))
    store.click()
    expect_stored(dialog)
    assert versions(sandbox, tenant) == before + 1


@full
@pytest.mark.slow("a browser, and a person who signs in twice")
def test_another_account_is_stored_after_it_is_allowed(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options=FAST, allows=(409,))
    sandbox.faults([EVERY_SECOND])
    page = opened.open(f"keys/{TOKEN}")
    before = versions(sandbox)
    dialog = begin(page)
    Person(sandbox, names.MEMBER_NAME).enter(user_code(dialog))
    expect(dialog.get_by_role("alert")).to_contain_text(names.MEMBER_NAME, timeout=WRITE_MILLISECONDS)
    assert opened.axe() == []
    assert versions(sandbox) == before
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Start again").click()
    expect(dialog.locator(".plan")).to_contain_text(names.SAM_APP_ID, timeout=WRITE_MILLISECONDS)
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("link")).to_be_visible(timeout=WRITE_MILLISECONDS)
    Person(sandbox, names.MEMBER_NAME).enter(user_code(dialog))
    expect_stored(dialog)
    assert versions(sandbox) == before + 1
    sandbox.faults([])


@full
@pytest.mark.slow("a browser")
def test_code_is_not_polled_while_the_page_is_hidden_or_closed(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options=FAST)
    sandbox.faults([EVERY_SECOND])
    opened.page.clock.install()
    page = opened.open(f"keys/{TOKEN}")
    hide = "hidden => { Object.defineProperty(document, 'visibilityState', {value: hidden, configurable: true});"
    dialog = begin(page)
    expect(dialog).to_contain_text("has not signed in yet", timeout=WRITE_MILLISECONDS)
    page.evaluate(f"{hide} document.dispatchEvent(new Event('visibilitychange')) }}", "hidden")
    page.wait_for_load_state("networkidle")
    polls = opened.watch.paths().count("/api/ExecKeySignInFinish")
    page.clock.fast_forward(60_000)
    page.wait_for_load_state("networkidle")
    assert opened.watch.paths().count("/api/ExecKeySignInFinish") == polls
    with page.expect_response("**/ExecKeySignInFinish"):
        page.evaluate(f"{hide} document.dispatchEvent(new Event('visibilitychange')) }}", "visible")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    sandbox.faults([])


@full
@pytest.mark.slow("a browser, and a host of its own")
def test_admin_sees_the_role_that_may_sign_in_again(page_as: Pages) -> None:
    page = page_as("admin").open(f"keys/{TOKEN}")
    expect(page.get_by_role("button", name="Sign in again", exact=True)).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text("superadmin")
    page = page_as("superadmin").open("keys/ApplicationSecret")
    expect(page.get_by_role("button", name="Check now", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in again", exact=True)).to_have_count(0)
