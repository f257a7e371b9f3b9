"""The controls that the console shows only in some states, from click to what the sandbox's Azure then holds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from playwright.sync_api import Locator, Page, expect

from backend.hosting.container.domains.requests import TABLE
from sandbox import names
from tests.browser.console import SCREEN_MILLISECONDS, ConsolePage
from tests.browser.writes import close, confirm, control, dialog_of, writes
from tests.support.rotation.others import Others
from tests.support.sandbox.person import Person
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and a CIPP of its own"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
MAIN = names.MAIN_SITE
DOMAIN = "cipp.contosomsp.com"
SIGN_IN_APP = f"/applications/{names.SSO_OBJECT_ID}"
CALLBACK = f"https://{MAIN}.azurewebsites.net/.auth/login/aad/callback"
CALLBACK_OF_OTHERS = "https://other.contosomsp.com/callback"
NOT_IN_DNS = {"path": "/analyzeCustomHostname", "times": 0, "edit": [["properties.cNameRecords", []]]}
GRANTS = {"refresh_token", "client_credentials"}
SHAPES = pytest.mark.parametrize(
    ("shape", "apps"),
    [("functions", (MAIN, names.OFFLOAD_SITE)), ("container", (MAIN,))],
    ids=["functions", "container"],
)


@pytest.fixture(autouse=True)
def _no_faults_stay(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults([])


def site(sandbox: Sandbox) -> Any:  # noqa: ANN401 - what JSON may hold
    return sandbox.state()["sites"][MAIN]


def restarts(sandbox: Sandbox) -> list[str]:
    """Return the apps that Azure was requested to restart."""
    return [call["path"].split("/")[-2] for call in sandbox.calls() if call["path"].endswith("/restart")]


def test_sign_in_at_the_default_host_is_repaired(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", "container", options={"stored_days": 40})
    person = Person(sandbox)

    def callbacks() -> list[str]:
        found: list[str] = person.make("GET", SIGN_IN_APP)["web"]["redirectUris"]
        return found

    person.make("PATCH", SIGN_IN_APP, {"web": {"redirectUris": [CALLBACK_OF_OTHERS]}})
    page = opened.open("domains")
    main = page.get_by_role("main")
    expect(main).to_contain_text("AADSTS50011")
    control(page, "Repair the sign-in")
    dialog_of(page)
    assert callbacks() == [CALLBACK_OF_OTHERS]
    confirm(page, "Repair")
    assert callbacks() == [CALLBACK_OF_OTHERS, CALLBACK]
    close(page)
    expect(main).not_to_contain_text("AADSTS50011")
    assert writes(opened, "ExecBackendDomainRepairSignIn") == 2  # the dry run, and the write


def test_domain_that_waited_for_dns_is_bound(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", "container", options={"stored_days": 40})
    with TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table(TABLE)
    sandbox.faults([NOT_IN_DNS])
    page = opened.open("domains")
    page.get_by_label("Domain", exact=True).fill(DOMAIN)
    control(page, "Add")
    expect(confirm(page, "Add")).to_contain_text("CNAME")
    close(page)
    card = page.get_by_role("listitem").filter(has_text=DOMAIN).first
    expect(card).to_contain_text("No DNS record")
    assert DOMAIN not in site(sandbox)["hostNameBindings"]
    sandbox.faults([])
    page.get_by_role("button", name="Reload now").click()
    expect(card).to_contain_text("Not added yet")
    control(page, f"Bind: {DOMAIN}")
    dialog_of(page)
    assert DOMAIN not in site(sandbox)["hostNameBindings"]
    expect(confirm(page, "Bind").locator(".outcome")).to_contain_text("Good:")
    assert site(sandbox)["hostNameBindings"][DOMAIN]["customHostNameDnsRecordType"] == "CName"
    close(page)
    expect(card).to_contain_text("No certificate")
    assert writes(opened, "ExecBackendDomainAdd") == 4  # the dry run and the write, before and after DNS is right


def test_only_selected_keys_are_checked(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("admin", options={"stored_days": 40})
    page = opened.open("keys")
    vault = sandbox.state()["vaults"][names.VAULT]
    for name in ("RefreshToken", "ApplicationSecret"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    earlier = len(sandbox.calls("login.microsoftonline.com"))
    control(page, "Check selected (2)")
    reports = page.get_by_role("region", name="Result of the check").get_by_role("listitem")
    expect(reports).to_have_count(2, timeout=30_000)
    for name in ("RefreshToken", "ApplicationSecret"):
        expect(reports.filter(has_text=name)).to_contain_text("Can sign in")
    checks = sandbox.calls("login.microsoftonline.com")[earlier:]
    used = {grant for call in checks for grant in GRANTS if f"grant_type={grant}" in (call["request_body"] or "")}
    assert used == GRANTS
    assert {call["path"].split("/")[1] for call in checks} == {names.TENANT_ID}  # no tenant of a customer
    assert sandbox.state()["vaults"][names.VAULT] == vault
    assert writes(opened, "ExecKeyProof") == 1


@SHAPES
def test_app_with_old_keys_is_restarted(page_as: Pages, sandbox: Sandbox, shape: str, apps: tuple[str, ...]) -> None:
    opened = page_as("superadmin", shape, options={"stored_days": 40, "start_seconds": 1})
    others = Others(sandbox)
    others.store("ApplicationSecret", others.add_secret()["secretText"])
    sandbox.advance(2)
    page = opened.open("keys")
    region = page.get_by_role("region", name="Which keys CIPP runs with")
    expect(region.get_by_text("Old keys")).to_have_count(len(apps), timeout=SCREEN_MILLISECONDS)
    app = apps[-1]
    control(page, f"Restart {app}")
    dialog_of(page)
    assert restarts(sandbox) == []
    confirm(page, "Restart")
    assert restarts(sandbox) == [app]
    close(page)
    expect(row_of(region, app)).to_contain_text("Current keys")
    expect(region.get_by_text("Old keys")).to_have_count(len(apps) - 1)
    expect(row_of(region, app).get_by_role("button")).to_have_count(0)


def row_of(region: Locator, app: str) -> Locator:
    return region.get_by_role("listitem").filter(has=region.page.get_by_text(app, exact=True))


def add_settings(page: Page, settings: dict[str, str]) -> Locator:
    """Add settings to the changes that are not written. Return those changes."""
    form = page.get_by_role("form", name="New setting")
    for name, value in settings.items():
        form.get_by_label("Name").fill(name)
        form.get_by_label("Value").fill(value)
        form.get_by_role("button").click()
    return page.get_by_role("region", name="Changes that are not written yet")


def test_edits_that_are_undone_are_not_written(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    page = opened.open(f"settings/{MAIN}")
    before = dict(site(sandbox)["appSettings"])
    removed, kept = "FUNCTIONS_WORKER_RUNTIME_VERSION", "FUNCTIONS_WORKER_RUNTIME"
    changes = add_settings(page, {"CIPP_ONE": "1", "CIPP_TWO": "2"})
    control(page, f"Remove {removed}")
    control(page, f"Remove {kept}")
    expect(changes).to_contain_text("4 changes")
    control(page, "Undo CIPP_ONE")  # in the list of changes
    control(page, f"Undo the change of {removed}")  # in the list of settings
    control(page, f"Undo {kept}")
    expect(changes).to_contain_text("1 change,")
    expect(page.get_by_role("button", name=f"Remove {removed}", exact=True)).to_be_visible()
    changes.get_by_role("button", name="Review and write").click()
    confirm(page, "Write")
    assert site(sandbox)["appSettings"] == before | {"CIPP_TWO": "2"}


def test_edits_that_are_discarded_are_not_written(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    page = opened.open(f"settings/{MAIN}")
    before = dict(site(sandbox)["appSettings"])
    changes = add_settings(page, {"CIPP_ONE": "1", "CIPP_TWO": "2"})
    control(page, "Discard all")
    expect(changes).to_have_count(0)
    assert writes(opened, "ExecFunctionAppSettings") == 0
    changes = add_settings(page, {"CIPP_THREE": "3"})
    expect(changes).to_contain_text("1 change,")
    changes.get_by_role("button", name="Review and write").click()
    confirm(page, "Write")
    assert site(sandbox)["appSettings"] == before | {"CIPP_THREE": "3"}
