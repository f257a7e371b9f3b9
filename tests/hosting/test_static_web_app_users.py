"""The users of the static web app, their roles, and invitations."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.data.tables import TableClient, TableServiceClient

from backend.errors import InvalidInputError
from backend.hosting.functions.static_web_app.users import check_roles
from sandbox import names
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.page_troubles import (
    ARM,
    REFUSALS,
    SILENCES,
    EndpointCall,
    assert_refusal_is_reported,
    assert_timeout_is_reported,
    cases,
)
from tests.support.sandbox_client import Sandbox

HOST = "nice-sand-0abc12345.3.azurestaticapps.net"
ALEX = {"UserId": "5d1c6a0f2be84f3a9c7d8e1b40f6a293", "Provider": "aad"}  # the only superadmin
SAM = {"UserId": "9f40b7c2d1e64a58b3a6c5d7e8f90122", "Provider": "aad"}  # editor
GUEST: dict[str, object] = {"UserDetails": "pat@contoso.com", "Roles": ["editor"], "Hours": 24}
CALLS = cases(
    EndpointCall("ListStaticWebAppUsers", "POST", "/listUsers$"),
    EndpointCall("ExecStaticWebAppUserInvite", "POST", "/createUserInvitation$", GUEST),
    EndpointCall("ExecStaticWebAppUserRoles", "PATCH", "/users/", {**SAM, "Roles": ["admin"]}),
    EndpointCall("ExecStaticWebAppUserRemove", "DELETE", "/users/", {**SAM}),
)


@pytest.fixture
def tables(azure: Sandbox) -> Iterator[TableServiceClient]:
    """CIPP's own tables, which other tests share. Added rows are removed after the test."""
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as service:
        yield service


def with_row(tables: TableServiceClient, table: str, **row: str) -> TableClient:
    client = tables.create_table_if_not_exists(table)
    client.upsert_entity(row)
    return client


def held(azure: Sandbox) -> dict[str, list[str]]:
    users = azure.state()["staticSites"]["cipp-swa-abc12"]["users"]
    return {user["displayName"].partition("@")[0]: user["roles"] for user in users}


def writes(azure: Sandbox) -> list[str]:
    return [call["path"] for call in azure.calls(ARM) if call["method"] in ("PATCH", "DELETE", "PUT")]


def invitations(azure: Sandbox) -> list[dict[str, Any]]:
    return [call for call in azure.calls(ARM) if call["path"].endswith("/createUserInvitation")]


def test_users_are_returned_with_their_roles_and_seats(api: Api) -> None:
    results = api.get("ListStaticWebAppUsers").results
    assert {user["DisplayName"]: user["Roles"] for user in results["Users"]} == {
        "alex@contosomsp.com": ["superadmin"],
        "sam@contosomsp.com": ["editor"],
        "kim@contosomsp.com": ["readonly"],
    }
    assert (results["SeatsUsed"], results["Seats"]) == (3, 25)
    assert "invitations" in results["Note"]


def test_role_is_unknown_unless_it_is_built_in_or_in_the_table(api: Api, tables: TableServiceClient) -> None:
    roles = ["editor", "HelpDesk_1", "nobody_knows"]
    assert api.post("ExecStaticWebAppUserRoles", {**SAM, "Roles": roles}).status == 200
    table = with_row(tables, "CustomRoles", PartitionKey="CustomRoles", RowKey="helpdesk_1")
    try:
        users = {user["UserId"]: user for user in api.get("ListStaticWebAppUsers").results["Users"]}
    finally:
        table.delete_entity("CustomRoles", "helpdesk_1")
    assert (users[SAM["UserId"]]["Roles"], users[SAM["UserId"]]["UnknownRoles"]) == (roles, ["nobody_knows"])
    assert users[ALEX["UserId"]]["UnknownRoles"] == []


def test_users_are_empty_when_cipp_has_no_static_web_app(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    del azure
    answer = Api().get("ListStaticWebAppUsers")
    assert (answer.status, answer.results["Users"], answer.results["SeatsUsed"]) == (200, [], 0)
    assert phrases.NO_STATIC_WEB_APP in answer.results["Note"]


def test_invitation_is_returned_with_its_expiry_and_not_stored(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecStaticWebAppUserInvite", {**GUEST, "Roles": ["editor", "HelpDesk", "editor"]})
    url = answer.results["InvitationUrl"]
    query = parse_qs(urlsplit(url).query)
    assert (query["userDetails"], query["provider"], query["roles"]) == (
        ["pat@contoso.com"],
        ["aad"],
        ["editor,HelpDesk"],
    )
    assert urlsplit(url).hostname == HOST
    left = datetime.fromisoformat(answer.results["ExpiresOn"]) - datetime.fromisoformat(azure.state()["now"])
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert answer.headers["Cache-Control"] == "no-store"


def test_invitation_is_not_in_the_log_or_the_logbook(
    api: Api, tables: TableServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = api.post("ExecStaticWebAppUserInvite", GUEST).results["InvitationUrl"]
    signature = parse_qs(urlsplit(url).query)["sig"][0]
    lines = [dict(row) for row in tables.get_table_client("CippLogs").list_entities()]
    assert any("Invited 'pat@contoso.com'" in line["Message"] for line in lines)
    for text in (caplog.text, json.dumps(lines, default=str)):
        assert url not in text
        assert signature not in text


@pytest.mark.parametrize(
    "trouble", [{"mode": "refuse", "status": 503}, {"mode": "refuse", "status": 429}, {"mode": "drop-after"}]
)
def test_invitation_is_never_retried(api: Api, azure: Sandbox, trouble: dict[str, object]) -> None:
    azure.faults([{"path": "/createUserInvitation$", "retry_after": 0, "times": 0, **trouble}])
    assert api.post("ExecStaticWebAppUserInvite", GUEST).status == 500
    assert len(invitations(azure)) == 1


def test_an_invitation_leads_to_a_ready_domain_if_one_is_named(api: Api) -> None:
    answer = api.post("ExecStaticWebAppUserInvite", {**GUEST, "Domain": "CIPP.contosomsp.com"})
    assert urlsplit(answer.results["InvitationUrl"]).hostname == "cipp.contosomsp.com"
    assert api.post("ExecStaticWebAppUserInvite", {**GUEST, "Domain": HOST}).status == 200
    refused = api.post("ExecStaticWebAppUserInvite", {**GUEST, "Domain": "evil.example"})
    assert (refused.status, refused.body["field"]) == (400, "Domain")
    assert "cipp.contosomsp.com" in refused.results


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Hours": 0}, "Hours"),
        ({"Hours": 169}, "Hours"),
        ({"Hours": -1}, "Hours"),
        ({"Hours": 1.5}, "Hours"),
        ({"Hours": "24"}, "Hours"),
        ({"Hours": True}, "Hours"),
        ({"Roles": []}, "Roles"),
        ({"Roles": "editor"}, "Roles"),
        ({"Roles": [1]}, "Roles"),
        ({"Roles": ["a b"]}, "Roles"),
        ({"Roles": ["editor,superadmin"]}, "Roles"),
        ({"Roles": ["a" * 26]}, "Roles"),
        ({"Roles": [f"role{number}" for number in range(51)]}, "Roles"),
        ({"Roles": ["authenticated"]}, "Roles"),
        ({"Roles": ["Anonymous"]}, "Roles"),
        ({"UserDetails": ""}, "UserDetails"),
        ({"UserDetails": "  "}, "UserDetails"),
        ({"UserDetails": "a b@contoso.com"}, "UserDetails"),
        ({"UserDetails": "x" * 321}, "UserDetails"),
        ({"UserDetails": None}, "UserDetails"),
        ({"Provider": ""}, "Provider"),
        ({"Provider": "aad/../x"}, "Provider"),
        ({"Domain": "https://cipp.contosomsp.com"}, "Domain"),
        ({"Domain": "cipp"}, "Domain"),
    ],
)
def test_invalid_invitation_is_refused_before_the_static_web_app_is_called(
    api: Api, azure: Sandbox, change: dict[str, object], field: str
) -> None:
    answer = api.post("ExecStaticWebAppUserInvite", {**GUEST, **change})
    assert (answer.status, answer.body["field"]) == (400, field)
    assert not [call for call in azure.calls() if "staticsites" in call["path"].lower()]


@pytest.mark.parametrize("hours", [1, 168])
def test_the_shortest_and_the_longest_invitation_are_made(api: Api, hours: int) -> None:
    assert api.post("ExecStaticWebAppUserInvite", {**GUEST, "Hours": hours}).status == 200


@pytest.mark.parametrize("roles", [["a"], ["A_9" + "z" * 22], [f"role{number}" for number in range(50)], ["a", "a"]])
def test_roles_that_follow_azures_rules_are_accepted(roles: list[str]) -> None:
    assert check_roles(roles) == list(dict.fromkeys(roles))


def test_roles_are_checked_before_they_are_set(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecStaticWebAppUserRoles", {**SAM, "Roles": ["no-dash"]})
    assert (answer.status, answer.body["field"]) == (400, "Roles")
    assert not [call for call in azure.calls() if "staticsites" in call["path"].lower()]
    with pytest.raises(InvalidInputError):
        check_roles([])


def test_roles_replace_all_previous_roles(api: Api, azure: Sandbox) -> None:
    done = api.post("ExecStaticWebAppUserRoles", {**SAM, "Roles": ["admin", "HelpDesk"]}).results["Done"]
    assert f"{phrases.INSTEAD_OF} editor" in done[0]
    assert held(azure) == {"alex": ["superadmin"], "sam": ["admin", "HelpDesk"], "kim": ["readonly"]}


def test_user_is_removed_when_azure_returns_204(api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    answer = api.post("ExecStaticWebAppUserRemove", {"UserId": SAM["UserId"].upper(), "Provider": "AAD"})
    assert answer.status == 200
    assert held(azure) == {"alex": ["superadmin"], "kim": ["readonly"]}
    assert [call["status"] for call in azure.calls(ARM) if call["method"] == "DELETE"] == [204]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [("ExecStaticWebAppUserRemove", {}), ("ExecStaticWebAppUserRoles", {"Roles": ["admin"]})],
)
def test_last_superadmin_is_not_removed_even_with_force(
    api: Api, azure: Sandbox, endpoint: str, more: dict[str, object]
) -> None:
    for force in (False, True):
        answer = api.post(endpoint, {**ALEX, **more, "Force": force})
        assert (answer.status, phrases.LAST_SUPERADMIN in answer.results) == (409, True)
    dry = api.post(endpoint, {**ALEX, **more, "DryRun": True})
    assert (dry.status, dry.results["DryRun"]) == (200, True)
    assert "Refuse: " in dry.results["WouldDo"][0]
    assert phrases.LAST_SUPERADMIN in dry.results["WouldDo"][0]
    assert (held(azure)["alex"], writes(azure)) == (["superadmin"], [])


def test_the_last_superadmin_may_keep_that_role_and_change_others(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppUserRoles", {**ALEX, "Roles": ["SuperAdmin", "HelpDesk"]}).status == 200
    assert held(azure)["alex"] == ["SuperAdmin", "HelpDesk"]
    assert api.post("ExecStaticWebAppUserRemove", {**ALEX}).status == 409


def test_one_of_two_superadmins_may_be_removed(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppUserRoles", {**SAM, "Roles": ["superadmin"]}).status == 200
    assert api.post("ExecStaticWebAppUserRemove", {**ALEX}).status == 200
    assert api.post("ExecStaticWebAppUserRemove", {**SAM}).status == 409
    assert held(azure)["sam"] == ["superadmin"]


def test_a_group_that_is_superadmin_counts_as_one(api: Api, azure: Sandbox, tables: TableServiceClient) -> None:
    table = with_row(
        tables,
        "AccessRoleGroups",
        PartitionKey="AccessRoleGroups",
        RowKey="superadmin",
        GroupId=names.GROUP_ID,
        GroupName="G",
    )
    try:
        assert api.post("ExecStaticWebAppUserRemove", {**ALEX}).status == 200
    finally:
        table.delete_entity("AccessRoleGroups", "superadmin")
    assert "alex" not in held(azure)


def test_concurrent_removals_of_two_superadmins_leave_one(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppUserRoles", {**SAM, "Roles": ["superadmin"]}).status == 200
    azure.faults([])
    answers: list[Answer] = []

    def remove(user: dict[str, str]) -> None:
        answers.append(api.post("ExecStaticWebAppUserRemove", user))

    threads = [threading.Thread(target=remove, args=(user,)) for user in (ALEX, SAM)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert sum("superadmin" in roles for roles in held(azure).values()) == 1


@pytest.mark.parametrize("user", [{"UserId": "nobody", "Provider": "aad"}, {**SAM, "Provider": "github"}])
def test_unknown_user_is_not_found(api: Api, azure: Sandbox, user: dict[str, str]) -> None:
    answer = api.post("ExecStaticWebAppUserRemove", user)
    assert (answer.status, "ListStaticWebAppUsers" in answer.results) == (404, True)
    assert writes(azure) == []


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("ExecStaticWebAppUserInvite", GUEST),
        ("ExecStaticWebAppUserRoles", {**SAM, "Roles": ["admin"]}),
        ("ExecStaticWebAppUserRemove", {**SAM}),
    ],
)
def test_dry_run_reports_its_steps_and_changes_nothing(
    api: Api, azure: Sandbox, endpoint: str, body: dict[str, object]
) -> None:
    results = api.post(endpoint, {**body, "DryRun": True}).results
    assert (results["DryRun"], len(results["WouldDo"]), results["Done"]) == (True, 1, [])
    assert results.get("InvitationUrl") is None
    assert (writes(azure), invitations(azure)) == ([], [])


@CALLS
@pytest.mark.parametrize("status", REFUSALS)
def test_refusal_by_azure_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, status: int
) -> None:
    assert_refusal_is_reported(azure, nowhere, endpoint_call, status)


@CALLS
@pytest.mark.parametrize("mode", SILENCES)
def test_timeout_of_azure_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, mode: str
) -> None:
    assert_timeout_is_reported(azure, nowhere, endpoint_call, mode)
