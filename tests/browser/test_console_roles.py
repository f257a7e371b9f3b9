"""The console for each role: what is shown, and which controls are disabled with the role that may use them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from sandbox import names
from tests.browser.console import LACKING, ConsolePage
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and every view"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
MAIN = names.MAIN_SITE


@pytest.mark.parametrize(("role", "says"), [("readonly", "CIPP keeps working until"), ("editor", "CIPP is down")])
def test_role_without_permission_sees_the_status_and_an_explanation(
    page_as: Pages, sandbox: Sandbox, role: str, says: str
) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")  # the browser's clock is this machine's
    contact = {"CIPP_CONTACT": "Night desk, +31 20 123 4567"}
    opened = page_as(role, environ=contact, options={"now": now})
    if role == "editor":
        Admin(sandbox).call("POST", f"{WEB}/sites/{MAIN}/stop", SITES_API)
    page = opened.open("keys")
    main = page.get_by_role("main")
    expect(main).to_contain_text(says)
    expect(main).to_contain_text("since")
    expect(main).to_contain_text("Whom to call: Night desk, +31 20 123 4567")
    expect(main).to_contain_text(f"with the role {role}")
    expect(main).to_contain_text("Ask a CIPP superadmin")
    expect(main).to_contain_text("CIPP Backend itself is up")
    expect(main.get_by_role("button")).to_have_count(0)
    assert opened.axe() == []


def test_admin_sees_all_but_only_rotates(page_as: Pages) -> None:
    opened = page_as("admin")
    page = opened.open()
    stop = page.get_by_role("button", name=f"Stop {MAIN}", exact=True)
    expect(stop).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text("This needs the role superadmin")
    opened.open("keys")
    expect(page.get_by_role("button", name="Rotate what is due")).to_be_enabled()
    for view, button in {
        "settings": "Add to the changes",
        "domains": "Add",
        "users": "Invite",
        "deployment": "Sync with the fork",
    }.items():
        opened.open(view)
        expect(page.get_by_role("button", name=button, exact=True)).to_be_disabled()
        expect(page.get_by_role("main")).to_contain_text("superadmin")


def test_superadmin_may_use_every_control(page_as: Pages) -> None:
    opened = page_as("superadmin", allows=LACKING)
    opened.open()
    for view in opened.views():
        page = opened.open(view)
        disabled = page.locator("main button:disabled").all_inner_texts()
        assert set(disabled) <= {"Previous", "Next", "Newer", "Older"}, view
    expect(page.get_by_role("banner")).to_contain_text("superadmin")


@pytest.mark.parametrize("shape", ["functions", "container"])
def test_controls_are_disabled_with_the_option_that_enables_them(page_as: Pages, shape: str) -> None:
    opened = page_as("superadmin", shape, environ={"ENABLE_CONTROLS": "false"})
    page = opened.open()
    for action in ("Stop", "Restart"):
        expect(page.get_by_role("button", name=f"{action} {MAIN}", exact=True)).to_be_disabled()
    assert opened.axe() == []
    views = {"settings": "Add to the changes", "domains": "Add", "users": "Invite", "deployment": "Sync with the fork"}
    for view, button in (
        views.items() if shape == "functions" else [("settings", "Add to the changes"), ("users", "Add")]
    ):
        opened.open(view)
        expect(page.get_by_role("button", name=button, exact=True)).to_be_disabled()
        expect(page.get_by_role("main")).to_contain_text("enableControls")
    opened.open("keys")
    expect(page.get_by_role("button", name="Rotate what is due")).to_be_enabled()


def test_rotation_is_disabled_with_the_option_that_enables_it(page_as: Pages) -> None:
    opened = page_as("superadmin", environ={"ENABLE_ROTATION": "false"})
    page = opened.open("keys")
    expect(page.get_by_role("button", name="Rotate what is due")).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text("enableRotation")
    expect(page.get_by_role("button", name="Check now")).to_be_enabled()
    opened.open()
    expect(page.get_by_role("button", name=f"Stop {MAIN}", exact=True)).to_be_enabled()
