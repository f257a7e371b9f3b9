"""Each control of the console, from click to what the sandbox's Azure then holds, in both shapes."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from playwright.sync_api import expect

from backend.hosting.own_restarts import TABLE
from backend.rotation.reporting.journal import RUN_KEYS, RUNS, age_of
from backend.rotation.service import WEEKLY
from sandbox import names
from tests.browser.console import ConsolePage
from tests.browser.writes import close, confirm, control, dialog_of, writes
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and a CIPP of its own"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
State = Mapping[str, Any]
MAIN = names.MAIN_SITE
SITE = names.STATIC_SITE
DOMAIN = "cipp.contosomsp.com"
FORK = "https://github.com/contosomsp/CIPP-API"
SHAPES = pytest.mark.parametrize("shape", ["functions", "container"])
STARTS_SOON = {"functions": {}, "container": {"start_seconds": 1}}


@pytest.fixture(autouse=True)
def _starts_of_other_tests_do_not_count(sandbox: Sandbox) -> None:
    TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]).delete_table(TABLE)


def site(sandbox: Sandbox, name: str = MAIN) -> Any:  # noqa: ANN401 - what JSON may hold
    return sandbox.state()["sites"][name]


def versions(sandbox: Sandbox, secret: str) -> int:
    return len(sandbox.state()["vaults"][names.VAULT]["secrets"][secret])


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


def test_all_apps_are_restarted(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", options={"stored_days": 40}).open()
    control(page, "Restart all apps")
    expect(confirm(page, "Restart").locator(".outcome")).to_contain_text("Good:")
    restarts = [call["path"].split("/")[-2] for call in sandbox.calls() if call["path"].endswith("/restart")]
    assert sorted(restarts) == [MAIN, f"{MAIN}-proc"]


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


def test_each_weekly_run_of_26_weeks_has_a_cell_that_opens_it(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin")
    weekly = {week: f"{week:012x}" for week in range(26) if week != 3}
    with TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]) as tables:
        for name in (RUNS, RUN_KEYS):
            tables.delete_table(name)
            tables.create_table(name)
        for week, run_id in weekly.items():
            started = datetime.now(UTC) - timedelta(weeks=week, days=1)
            row = {"run_id": run_id, "by": WEEKLY, "started": started, "ended": started, "total": 2, "failed": 1}
            row_key = f"{age_of(started)}-{run_id}"
            tables.get_table_client(RUNS).create_entity({"PartitionKey": "run", "RowKey": row_key, **row})
        key = {"name": "RefreshToken", "kind": "RefreshToken", "outcome": "failed", "reason": "It was <i>refused</i>."}
        tables.get_table_client(RUN_KEYS).create_entity({"PartitionKey": weekly[25], "RowKey": "refreshtoken", **key})
    page = opened.open("keys")
    cells = page.locator(".weeks a")
    expect(cells).to_have_count(25)
    expect(page.locator(".weeks li.empty")).to_have_count(1)
    assert opened.axe() == []
    cells.first.click()
    expect(page).to_have_url(f"{opened.address}#/runs/{weekly[25]}")
    expect(page.get_by_role("main")).to_contain_text("It was <i>refused</i>.")


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


def test_user_of_a_container_is_added_changed_and_removed(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", "container", options={"stored_days": 41}).open("users")
    rows = Others(sandbox)

    def manual() -> dict[str, list[str]]:
        return {row["RowKey"]: json.loads(row["ManualRoles"]) for row in rows.rows("allowedUsers")}

    main = page.get_by_role("main")
    expect(main).to_contain_text("within 5 minutes")
    expect(main).to_contain_text("superadmin by hand")
    page.get_by_label("User principal name").fill("new@contoso.com")
    page.get_by_role("group", name="Roles", exact=True).get_by_label("editor").check()
    control(page, "Add")
    expect(confirm(page, "Add")).to_contain_text(f"https://{names.MAIN_SITE}.azurewebsites.net")
    close(page)
    assert manual()["new@contoso.com"] == ["editor", "readonly"]
    control(page, "Change roles of new@contoso.com")
    boxes = page.get_by_role("group", name="Roles of new@contoso.com")
    boxes.get_by_label("editor").uncheck()
    control(page, "Review")
    confirm(page, "Change", typed="new@contoso.com")
    close(page)
    assert manual()["new@contoso.com"] == ["readonly"]
    control(page, f"Remove {names.MEMBER_NAME}")
    expect(dialog_of(page)).to_contain_text("This is not possible now")
    close(page)
    control(page, "Remove new@contoso.com")
    confirm(page, "Remove", typed="new@contoso.com")
    assert "new@contoso.com" not in manual()


def test_sync_that_is_refused_states_where_to_do_it(page_as: Pages) -> None:
    page = page_as("superadmin").open("deployment")
    control(page, "Sync with the fork")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("This is not possible now")
    expect(dialog).to_contain_text("GitHub Action")
    expect(dialog.get_by_role("button", name="Sync")).to_have_count(0)


def test_sync_pulls_from_the_fork_after_its_dry_run(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    by_hand = {"repoUrl": FORK, "branch": "main", "isManualIntegration": True, "isGitHubAction": False}
    Admin(sandbox).call("PUT", f"{WEB}/sites/{MAIN}/sourcecontrols/web", SITES_API, {"properties": by_hand})
    page = opened.open("deployment")
    before = site(sandbox)["deployments"]
    control(page, "Sync with the fork")
    expect(dialog_of(page)).to_contain_text(FORK)
    assert site(sandbox)["deployments"] == before
    confirm(page, "Sync")
    assert len(site(sandbox)["deployments"]) == len(before) + 1
    close(page)
    expect(page.get_by_role("main")).to_contain_text("Pulled")


def test_broken_sign_in_of_a_container_is_repaired(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", "container", options={"start_seconds": 1})
    off = dict(site(sandbox)["authSettings"])
    off["platform"] = {**off["platform"], "enabled": False}
    Admin(sandbox).call("PUT", f"{WEB}/sites/{MAIN}/config/authsettingsV2", SITES_API, {"properties": off})
    page = opened.open("signin")
    expect(page.get_by_role("main")).to_contain_text("Users can't sign in to CIPP.")
    control(page, "Repair: Sign-in is off")
    dialog_of(page)
    assert site(sandbox)["authSettings"]["platform"]["enabled"] is False
    confirm(page, "Repair")
    assert site(sandbox)["authSettings"]["platform"]["enabled"] is True
    close(page)
    expect(page.get_by_role("main")).to_contain_text("No cause was found")
    assert writes(opened, "ExecBackendSignInRepair") == 2  # the dry run, and the write


def test_version_of_a_container_is_set_after_its_dry_run(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", "container", options={"start_seconds": 1})
    page = opened.open("deployment")
    page.get_by_label("Channel or version").select_option("10.8.4")
    control(page, "Set the version")
    expect(dialog_of(page)).to_contain_text("older")
    assert site(sandbox)["siteConfig"]["linuxFxVersion"].endswith(":latest")
    expect(confirm(page, "Set").locator(".outcome")).to_contain_text("Good:")
    assert site(sandbox)["siteConfig"]["linuxFxVersion"].endswith(":10.8.4")
    close(page)
    expect(page.get_by_role("region", name="Long operations")).to_contain_text("10.8.4")
    assert writes(opened, "ExecBackendVersionSet") == 2  # the dry run, and the write


def test_domain_of_a_container_goes_through_its_steps(page_as: Pages, sandbox: Sandbox) -> None:
    page = page_as("superadmin", "container").open("domains")
    page.get_by_label("Domain", exact=True).fill(DOMAIN)
    control(page, "Add")
    expect(confirm(page, "Add")).to_contain_text("CNAME")
    close(page)
    card = page.get_by_role("listitem").filter(has_text=DOMAIN).first
    expect(card).to_contain_text("No certificate")
    control(page, f"Secure: {DOMAIN}")
    expect(confirm(page, "Secure")).to_contain_text("Requested the certificate")
    close(page)
    expect(card).to_contain_text("Waiting since")
    sandbox.advance(60)
    control(page, f"Secure: {DOMAIN}")
    confirm(page, "Secure")
    close(page)
    control(page, f"Repair sign-in: {DOMAIN}")
    confirm(page, "Repair sign-in")
    close(page)
    expect(card).to_contain_text("Works")
    assert site(sandbox)["hostNameBindings"][DOMAIN]["sslState"] == "SniEnabled"
    control(page, f"Remove {DOMAIN}")
    dialog_of(page).get_by_role("checkbox", name="Force").check()  # it is CIPP's only custom domain
    confirm(page, "Remove", typed=DOMAIN)
    assert DOMAIN not in site(sandbox)["hostNameBindings"]


@pytest.mark.parametrize("view", ["deployment"])
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
