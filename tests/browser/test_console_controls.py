"""Each control of the console, from click to what the sandbox's Azure then holds, in both shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from playwright.sync_api import Page, expect

from backend.hosting.own_restarts import TABLE
from sandbox import names
from tests.browser.console import ConsolePage
from tests.browser.writes import close, confirm, dialog_of
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and a CIPP of its own"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
State = Mapping[str, Any]
MAIN = names.MAIN_SITE
SITE = names.STATIC_SITE
SHAPES = pytest.mark.parametrize("shape", ["functions", "container"])
STARTS_SOON = {"functions": {}, "container": {"start_seconds": 1}}


@pytest.fixture(autouse=True)
def _starts_of_other_tests_do_not_count(sandbox: Sandbox) -> None:
    TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]).delete_table(TABLE)


def site(sandbox: Sandbox, name: str = MAIN) -> Any:  # noqa: ANN401 - what JSON may hold
    return sandbox.state()["sites"][name]


def versions(sandbox: Sandbox, secret: str) -> int:
    return len(sandbox.state()["vaults"][names.VAULT]["secrets"][secret])


def writes(opened: ConsolePage, endpoint: str) -> int:
    """Return how many requests the page sent to an endpoint."""
    return sum(path.endswith(f"/{endpoint}") for path in opened.watch.paths())


def control(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


@SHAPES
def test_app_is_stopped_after_its_name_is_typed_and_started(page_as: Pages, sandbox: Sandbox, shape: str) -> None:
    opened = page_as("superadmin", shape, options=STARTS_SOON[shape])
    page = opened.open()
    control(page, f"Stop {MAIN}")
    result = confirm(page, "Stop", typed=MAIN)
    expect(result).to_contain_text("Stopped")
    assert site(sandbox)["state"] == "Stopped"
    close(page)
    expect(page.get_by_role("main")).to_contain_text("CIPP is down")
    assert writes(opened, "ExecFunctionAppStop") == 2  # the dry run, and the write
    control(page, f"Start {MAIN}")
    allowance = dialog_of(page).get_by_role("checkbox", name="Allow the update")
    if allowance.count():  # the version of a container that is stopped is not known
        allowance.check()
    confirm(page, "Start")
    assert site(sandbox)["state"] == "Running"
    close(page)
    expect(page.get_by_role("main")).not_to_contain_text("CIPP is down")


@SHAPES
def test_app_is_restarted(page_as: Pages, sandbox: Sandbox, shape: str) -> None:
    page = page_as("superadmin", shape, options=STARTS_SOON[shape]).open()
    before = len([call for call in sandbox.calls() if call["path"].endswith(f"/{MAIN}/restart")])
    control(page, f"Restart {MAIN}")
    assert len([call for call in sandbox.calls() if call["path"].endswith(f"/{MAIN}/restart")]) == before
    expect(confirm(page, "Restart").locator(".outcome")).to_contain_text("Good:")
    assert len([call for call in sandbox.calls() if call["path"].endswith(f"/{MAIN}/restart")]) == before + 1


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ("functions", {"path": f"/sites/{MAIN}$", "edit": [["properties.state", "Stopped"]]}),
        ("functions", {"path": f"/sites/{MAIN}/instances$", "edit": [["value.0.properties.state", "STOPPED"]]}),
        ("container", {"path": f"/sites/{MAIN}$", "edit": [["properties.state", "Stopped"]]}),
    ],
    ids=["stopped", "instance", "container"],
)
def test_restart_after_which_the_app_does_not_run_is_a_warning(
    page_as: Pages, sandbox: Sandbox, shape: str, fault: dict[str, object]
) -> None:
    page = page_as("superadmin", shape, options={"stored_days": 40, **STARTS_SOON[shape]}).open()
    control(page, f"Restart {MAIN}")
    dialog_of(page)
    sandbox.faults([{"method": "GET", "times": 0, **fault}])
    result = confirm(page, "Restart").locator(".outcome")
    expect(result).to_contain_text("Warning:")
    expect(result).not_to_contain_text("Good:")
    sandbox.faults([])


def test_all_apps_are_stopped_and_started(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin").open()
    control(page, "Stop all apps")
    confirm(page, "Stop", typed="all")
    assert [site(sandbox, name)["state"] for name in (MAIN, f"{MAIN}-proc")] == ["Stopped", "Stopped"]
    close(page)
    control(page, "Start all apps")
    confirm(page, "Start")
    assert [site(sandbox, name)["state"] for name in (MAIN, f"{MAIN}-proc")] == ["Running", "Running"]


def test_canceled_write_changes_nothing(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin")
    page = opened.open()
    control(page, f"Stop {MAIN}")
    dialog_of(page).get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert site(sandbox)["state"] == "Running"
    assert writes(opened, "ExecFunctionAppStop") == 1


def test_button_pressed_twice_writes_once(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open()
    control(page, f"Restart {MAIN}-proc")
    button = dialog_of(page).get_by_role("button", name="Restart", exact=True)
    button.evaluate("button => { button.click(); button.click(); button.click(); }")
    expect(page.get_by_role("dialog")).to_contain_text("Correlation ID")
    assert writes(opened, "ExecFunctionAppRestart") == 2  # the dry run, and the write


@SHAPES
def test_edits_of_settings_are_collected_and_written_together(page_as: Pages, sandbox: Sandbox, shape: str) -> None:
    opened = page_as("superadmin", shape, options=STARTS_SOON[shape])
    page = opened.open(f"settings/{MAIN}")
    before = dict(site(sandbox)["appSettings"])
    form = page.get_by_role("form", name="New setting")
    for name, value in {"CIPP_ONE": "1", "CIPP_TWO": "<b>2</b>"}.items():
        form.get_by_label("Name").fill(name)
        form.get_by_label("Value").fill(value)
        form.get_by_role("button").click()
    changes = page.get_by_role("region", name="Changes that are not written yet")
    expect(changes).to_contain_text("2 changes")
    assert site(sandbox)["appSettings"] == before
    changes.get_by_role("button", name="Review and write").click()
    confirm(page, "Write")
    assert site(sandbox)["appSettings"] == before | {"CIPP_ONE": "1", "CIPP_TWO": "<b>2</b>"}
    assert writes(opened, "ExecFunctionAppSettings") == 2
    close(page)
    expect(changes).to_have_count(0)
    page.get_by_role("button", name="Remove CIPP_ONE").click()
    page.get_by_role("button", name="Change CIPP_TWO").click()
    page.get_by_label("New value of CIPP_TWO").fill("3")
    page.get_by_role("button", name="Add to the changes").first.click()
    changes.get_by_role("button", name="Review and write").click()
    confirm(page, "Write")
    assert site(sandbox)["appSettings"] == before | {"CIPP_TWO": "3"}


@SHAPES
def test_selected_key_is_rotated(page_as: Pages, sandbox: Sandbox, shape: str) -> None:
    page = page_as("superadmin", shape, options=STARTS_SOON[shape]).open("keys")
    tokens, secrets = versions(sandbox, "RefreshToken"), versions(sandbox, "ApplicationSecret")
    page.get_by_role("checkbox", name="Select RefreshToken").check()
    control(page, "Rotate")
    dialog = dialog_of(page)
    if force := dialog.get_by_role("checkbox").all():  # another test rotated it
        force[0].check()
        dialog_of(page)
    expect(confirm(page, "Rotate")).to_contain_text("Rotated")
    assert versions(sandbox, "RefreshToken") == tokens + 1
    assert versions(sandbox, "ApplicationSecret") == secrets


def test_key_that_is_not_due_needs_force(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 0}).open("keys/RefreshToken")
    before = versions(sandbox, "RefreshToken")
    control(page, "Rotate")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("There is nothing to do")
    expect(dialog.get_by_role("button", name="Rotate", exact=True)).to_have_count(0)
    dialog.get_by_role("checkbox").check()
    confirm(page, "Rotate")
    assert versions(sandbox, "RefreshToken") == before + 1


def test_all_due_keys_are_rotated_and_the_run_is_shown(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open("keys")
    control(page, "Rotate what is due")
    confirm(page, "Rotate")
    assert versions(sandbox, "RefreshToken") == 2
    close(page)
    page.get_by_role("link", name="Run of").first.click()
    expect(page.get_by_role("heading", name="Run", exact=True)).to_be_focused()
    expect(page.get_by_role("main")).to_contain_text("The new one was verified")


def test_check_shows_the_outcome_of_each_key(page_as: Pages) -> None:
    page = page_as("admin").open("keys")
    control(page, "Check now")
    result = page.get_by_role("region", name="Result of the check")
    expect(result.get_by_text("Can sign in").first).to_be_visible(timeout=30_000)
    expect(result).to_contain_text("RefreshToken")


def test_domain_is_added_with_its_record_and_removed(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin").open("domains")
    page.get_by_label("Domain", exact=True).fill("new.contosomsp.com")
    control(page, "Add")
    result = confirm(page, "Add")
    expect(result).to_contain_text("CNAME")
    expect(result.get_by_role("button", name="Copy the value").first).to_be_visible()
    assert "new.contosomsp.com" in sandbox.state()["staticSites"][SITE]["customDomains"]
    close(page)
    control(page, "Remove new.contosomsp.com")
    confirm(page, "Remove", typed="new.contosomsp.com")
    domains = sandbox.state()["staticSites"][SITE]["customDomains"]
    assert domains.get("new.contosomsp.com", {}).get("status", "Deleting") == "Deleting"


def roles_of(sandbox: Sandbox, name: str) -> set[str]:
    users = sandbox.state()["staticSites"][SITE]["users"]
    return {role for user in users if user["displayName"] == name for role in user["roles"]}


def test_user_is_invited_changed_and_removed(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 41}).open("users")
    page.get_by_label("E-mail address of the user").fill("new@contosomsp.com")
    page.get_by_role("group", name="Roles").get_by_label("editor").check()
    control(page, "Invite")
    result = confirm(page, "Invite")
    expect(result).to_contain_text("shown only once")
    expect(result.get_by_role("button", name="Copy the invitation")).to_be_visible()
    close(page)
    control(page, "Change roles of sam@contosomsp.com")
    boxes = page.get_by_role("group", name="Roles of sam@contosomsp.com")
    boxes.get_by_label("admin", exact=True).check()
    control(page, "Review")
    confirm(page, "Change")
    assert roles_of(sandbox, "sam@contosomsp.com") >= {"admin", "editor"}
    close(page)
    control(page, "Remove kim@contosomsp.com")
    confirm(page, "Remove", typed="kim@contosomsp.com")
    assert "readonly" not in roles_of(sandbox, "kim@contosomsp.com")


def test_removal_of_a_user_without_a_name_needs_the_id(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 42})
    sandbox.faults([{"path": "/listUsers", "times": 0, "edit": [["value.2.properties.displayName", ""]]}])
    page = opened.open("users")
    user = sandbox.state()["staticSites"][SITE]["users"][2]["userId"]
    control(page, f"Remove {user}")
    dialog = dialog_of(page)
    expect(dialog.get_by_role("button", name="Remove", exact=True)).to_be_disabled()
    dialog.get_by_role("textbox").fill(user)
    expect(dialog.get_by_role("button", name="Remove", exact=True)).to_be_enabled()
    sandbox.faults([])


def test_removal_of_a_role_needs_the_name(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 42}).open("users")
    control(page, "Change roles of sam@contosomsp.com")
    boxes = page.get_by_role("group", name="Roles of sam@contosomsp.com")
    boxes.get_by_label("editor").uncheck()
    boxes.get_by_label("readonly").check()
    control(page, "Review")
    confirm(page, "Change", typed="sam@contosomsp.com")
    assert roles_of(sandbox, "sam@contosomsp.com") == {"readonly"}


def test_sync_that_is_refused_states_where_to_do_it(page_as: Pages) -> None:
    page = page_as("superadmin").open("deployment")
    control(page, "Sync with the fork")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("This is not possible now")
    expect(dialog).to_contain_text("GitHub Action")
    expect(dialog.get_by_role("button", name="Sync")).to_have_count(0)


@pytest.mark.parametrize("view", ["domains", "users", "deployment"])
def test_container_shows_where_a_missing_part_is(page_as: Pages, view: str) -> None:
    page = page_as("superadmin", "container").open(view)
    expect(page.get_by_role("main")).to_contain_text("CIPP runs as one container")


def test_container_is_updated_only_if_the_person_allows_it(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", "container", options={"start_seconds": 1}).open()
    sandbox.control("POST", "registry", {"tag": "latest", "version": "10.9.0"})
    control(page, f"Restart {MAIN}")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("This is not possible now")
    expect(dialog.get_by_role("button", name="Restart", exact=True)).to_have_count(0)
    dialog.get_by_role("checkbox", name="Allow the update of CIPP to 10.9.0").check()
    confirm(page, "Restart")
