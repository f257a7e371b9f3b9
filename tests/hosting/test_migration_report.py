"""The report before CIPP's migration, against the sandbox, and compared with what its script then does."""

from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient

from sandbox import names
from sandbox.arm.access import CONTRIBUTOR, RBAC_ADMINISTRATOR
from sandbox.arm.dns import STRAY
from tests.support.admin import ROLES, ROLES_API, SUBSCRIPTION, WEB, Admin
from tests.support.api import Api
from tests.support.principals import user
from tests.support.sandbox_client import Sandbox

Json = Any  # what JSON may hold
OWNER = user("superadmin", oid=names.ADMIN_ID, upn=names.ADMIN_NAME)


@pytest.fixture
def elsewhere(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Sandbox:
    """Function apps that are ready for the migration, with this app in a resource group of its own."""
    azure.reset(propagation_seconds=0, own_group=True)
    azure.control("POST", "migrate", {"prepare": True})
    nowhere.setenv("CIPP_RESOURCE_GROUP", names.RESOURCE_GROUP)
    nowhere.setenv("CIPP_SUBSCRIPTION_ID", names.SUBSCRIPTION_ID)
    nowhere.setenv("WEBSITE_RESOURCE_GROUP", names.OWN_GROUP)
    return azure


def report(**headers: str) -> dict[str, Json]:
    response = Api().get("ListBackendMigration", **headers)
    assert response.status == 200, response.text
    results: dict[str, Json] = response.results
    return results


def found(shown: dict[str, Json], severity: str) -> list[str]:
    return [finding["Part"] for finding in shown["Findings"] if finding["Severity"] == severity]


def test_report_is_ready_when_the_script_would_succeed(elsewhere: Sandbox) -> None:
    shown = report(**OWNER)
    assert (shown["Verdict"], found(shown, "Blocking"), found(shown, "Unknown")) == ("Ready", [], [])
    assert set(shown["MayRun"].values()) == {True}
    assert {pick["Part"]: pick["IsCipps"] for pick in shown["Picks"]} == dict.fromkeys(
        ("MainApp", "StorageAccount", "KeyVault", "StaticWebApp"), True
    )
    before = elsewhere.state()
    elsewhere.control("POST", "migrate", {})
    gone = before["sites"].keys() - {names.MAIN_SITE} - elsewhere.state()["sites"].keys()
    deleted = {one["Name"] for one in shown["Deleted"] if one["Type"] == "Microsoft.Web/sites"}
    assert deleted == gone | {names.MAIN_SITE}
    tables = TableServiceClient.from_connection_string(elsewhere.env["AzureWebJobsStorage"])
    rows = {row["RowKey"]: row["Roles"] for row in tables.get_table_client("allowedUsers").list_entities()}
    after = {one["Name"].lower(): one["RolesAfter"] for one in shown["Users"]}
    assert rows == {name: str(roles).replace("'", '"') for name, roles in after.items() if roles}


def test_report_names_this_app_first_among_what_is_deleted(azure: Sandbox) -> None:
    azure.reset()
    shown = report()
    assert shown["Verdict"] == "NotReady"
    assert {"Deleted", "SignIn"} <= set(found(shown, "Blocking"))
    first = [one["Name"] for one in shown["Deleted"] if one["IsThisApp"]]
    assert names.BACKEND_SITE in first
    assert [one["IsThisApp"] for one in shown["Deleted"][: len(first)]] == [True] * len(first)


def test_report_shows_what_the_caller_lacks(elsewhere: Sandbox) -> None:
    del elsewhere
    shown = report(**user("superadmin"))
    assert set(shown["MayRun"].values()) == {False}
    assert (shown["Verdict"], found(shown, "Blocking")) == ("NotReady", ["Permission"])


def test_role_with_a_condition_leaves_the_permission_unknown(elsewhere: Sandbox) -> None:
    admin = Admin(elsewhere)
    for role, condition in ((RBAC_ADMINISTRATOR, "@Request[principalType] StringEquals 'User'"), (CONTRIBUTOR, None)):
        held = {
            "roleDefinitionId": f"{SUBSCRIPTION}/{ROLES}/roleDefinitions/{role.id}",
            "principalId": names.MEMBER_ID,
            "principalType": "User",
            "condition": condition,
            "conditionVersion": condition and "2.0",
        }
        path = f"{SUBSCRIPTION}/{ROLES}/roleAssignments/{uuid4()}"
        admin.call("PUT", path, ROLES_API, {"properties": held})
    shown = report(**user("superadmin"))
    assert shown["MayRun"] == {
        "Microsoft.Authorization/roleAssignments/write": None,
        "Microsoft.Web/sites/delete": True,
    }
    assert (shown["Verdict"], found(shown, "Unknown")) == ("Unknown", ["Permission"])
    assert "Permission" not in found(shown, "Note")


def test_report_for_an_unknown_caller_is_a_note(elsewhere: Sandbox) -> None:
    del elsewhere
    shown = report()
    assert set(shown["MayRun"].values()) == {None}
    assert (shown["Verdict"], "Permission" in found(shown, "Note")) == ("Ready", True)


def test_report_names_roles_and_rows_that_the_script_removes(elsewhere: Sandbox) -> None:
    before = report(**OWNER)
    kept = [user["Name"] for user in before["Users"] if user["RolesAfter"]]
    site = f"{WEB}/sites/{before['Target']}"
    held = {
        "roleDefinitionId": f"{SUBSCRIPTION}/{ROLES}/roleDefinitions/{CONTRIBUTOR.id}",
        "principalId": names.MEMBER_ID,
        "principalType": "User",
    }
    Admin(elsewhere).call("PUT", f"{site}/{ROLES}/roleAssignments/{uuid4()}", ROLES_API, {"properties": held})
    tables = TableServiceClient.from_connection_string(elsewhere.env["AzureWebJobsStorage"])
    table = tables.create_table_if_not_exists("allowedUsers")
    rows = [{"PartitionKey": "User", "RowKey": name} for name in (kept[0].upper(), "someone@else.com")]
    for row in rows:
        table.upsert_entity({**row, "Roles": '["editor"]'})
    after = report(**OWNER)
    for row in rows:
        table.delete_entity(row)
    new = [one for one in after["Findings"] if one not in before["Findings"]]
    assert [(one["Severity"], one["Part"]) for one in new] == [("Loss", "Users"), ("Loss", "Deleted")]
    assert kept[0] in new[0]["Text"]
    assert site.rpartition("/")[2] in new[1]["Text"]


def test_report_shows_the_dns_of_the_domains(elsewhere: Sandbox) -> None:
    path = f"{WEB}/staticSites/{names.STATIC_SITE}/customDomains/stray.contosomsp.com"
    Admin(elsewhere).call("PUT", path, "2023-12-01", {"properties": {}})
    shown = report(**OWNER)
    domains = {one["Name"]: one for one in shown["Domains"]}
    assert domains["stray.contosomsp.com"]["Cnames"] == [f"{names.MAIN_SITE.lower()}.azurewebsites.net"]
    assert domains["stray.contosomsp.com"]["Addresses"] == []
    assert domains["stray.contosomsp.com"]["Texts"] == [STRAY]
    assert [one["Texts"] for name, one in domains.items() if name != "stray.contosomsp.com"] == [[]] * (
        len(domains) - 1
    )
    (note,) = [one for one in shown["Findings"] if (one["Severity"], one["Part"]) == ("Note", "Domains")]
    assert "stray.contosomsp.com" in note["Text"]
    assert (shown["Verdict"], "Domains" in found(shown, "Loss")) == ("Ready", True)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/resources", ["Picks"]),
        ("/customDomains", ["Domains"]),
        ("/listUsers", ["Users"]),
        ("/appsettings/list", ["Picks", "Settings"]),  # a setting names CIPP's storage account
        ("/roleAssignments", ["Permission", "Deleted"]),
        ("/fileServices/", ["Deleted"]),
    ],
)
@pytest.mark.every_case("each part is read by another call")
def test_report_without_one_part_shows_the_others(elsewhere: Sandbox, path: str, parts: list[str]) -> None:
    elsewhere.faults([{"host": "management.azure.com", "path": path, "mode": "refuse", "status": 403, "times": 0}])
    shown = report(**OWNER)
    assert shown["Verdict"] == "Unknown"
    assert found(shown, "Unknown") == parts


def test_report_of_a_container_is_absent(azure: Sandbox) -> None:
    azure.reset(shape="container")
    response = Api().get("ListBackendMigration")
    assert response.status == 200
    assert response.body["NotInThisShape"]["Shape"] == "container"


def test_report_writes_nothing(elsewhere: Sandbox) -> None:
    report(**OWNER)
    methods = {call["method"] for call in elsewhere.calls("management.azure.com")}
    posts = [call["path"] for call in elsewhere.calls("management.azure.com") if call["method"] == "POST"]
    assert methods <= {"GET", "POST"}
    assert all(path.partition("?")[0].endswith(("/listUsers", "/list")) for path in posts)
