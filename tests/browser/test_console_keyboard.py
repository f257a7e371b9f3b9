"""The console by keyboard alone: stop an app, rotate a key, invite a user, find the way."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from sandbox import names
from tests.browser.console import ConsolePage
from tests.browser.writes import WRITE_MILLISECONDS, dialog_of, focused, tab_to
from tests.support.sandbox_client import Sandbox

pytestmark = pytest.mark.slow("a browser, and a CIPP of its own")
Pages = Callable[..., ConsolePage]
MAIN = names.MAIN_SITE


def test_app_is_stopped_by_keyboard_alone(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open()
    tab_to(page, f"Stop {MAIN}")
    page.keyboard.press("Enter")
    dialog = dialog_of(page)
    expect(dialog.get_by_role("heading")).to_be_focused()
    tab_to(page, f"To confirm, type {MAIN}")
    page.keyboard.type(MAIN)
    tab_to(page, "Stop")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Correlation ID", timeout=WRITE_MILLISECONDS)
    assert sandbox.state()["sites"][MAIN]["state"] == "Stopped"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("CIPP is down")
    assert focused(page) == "Overview"  # the button is gone, so the heading has it


def test_focus_returns_to_the_control_after_the_dialog(page_as: Pages) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open()
    tab_to(page, f"Restart {MAIN}")
    page.keyboard.press("Enter")
    dialog_of(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == f"Restart {MAIN}"


def test_key_is_rotated_by_keyboard_alone(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open("keys")
    tab_to(page, "Select RefreshToken")
    page.keyboard.press("Space")
    page.keyboard.press("t")
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Select RefreshToken")).to_be_checked()
    tab_to(page, "Rotate")
    page.keyboard.press("Enter")
    dialog = dialog_of(page)
    tab_to(page, "Rotate")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Correlation ID", timeout=WRITE_MILLISECONDS)
    assert len(sandbox.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"]) == 2


def test_user_is_invited_by_keyboard_alone(page_as: Pages) -> None:
    page = page_as("superadmin").open()
    tab_to(page, "Users")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name="Invite a user")).to_be_visible()
    tab_to(page, "E-mail address of the user")
    page.keyboard.type("new@contosomsp.com")
    tab_to(page, "Invite")
    page.keyboard.press("Enter")
    dialog = dialog_of(page)
    tab_to(page, "Invite")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("shown only once", timeout=WRITE_MILLISECONDS)


def test_back_and_forward_follow_the_places(page_as: Pages) -> None:
    page = page_as("superadmin").open()
    page.get_by_role("link", name="Keys", exact=True).first.click()
    page.get_by_role("link", name="RefreshToken").click()
    expect(page.get_by_role("heading", name="RefreshToken").first).to_be_focused()
    assert page.url.endswith("#/keys/RefreshToken")
    page.go_back()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="RefreshToken").first).to_be_visible()


def test_focus_moves_to_the_heading_when_its_control_disappears(page_as: Pages) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    opened.page.clock.install()
    page = opened.open()
    tab_to(page, f"Restart {MAIN}")
    page.evaluate(
        "name => fetch('/api/ExecFunctionAppStop', {method: 'POST', body: JSON.stringify({Name: name}),"
        " headers: {'Content-Type': 'application/json'}})",
        MAIN,
    )
    page.clock.run_for(17_000)
    expect(page.get_by_role("main")).to_contain_text("CIPP is down")
    assert focused(page) == "Overview"


def test_dialog_announces_the_check_and_the_result(page_as: Pages) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open()
    tab_to(page, f"Restart {MAIN}")
    page.keyboard.press("Enter")
    dialog = dialog_of(page)
    expect(dialog.get_by_role("status")).to_contain_text("check is complete")
    tab_to(page, "Restart")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text(f"Restart {MAIN}: done", timeout=WRITE_MILLISECONDS)


def test_focus_moves_to_the_heading_when_a_box_is_ticked(page_as: Pages) -> None:
    page = page_as("superadmin", options={"stored_days": 0}).open("keys/RefreshToken")
    tab_to(page, "Rotate")
    page.keyboard.press("Enter")
    dialog_of(page)
    tab_to(page, "Rotate although it is not due (Force)")
    page.keyboard.press("Space")
    expect(dialog_of(page).get_by_role("heading")).to_be_focused()
    tab_to(page, "Rotate")
