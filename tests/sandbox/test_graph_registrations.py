"""App registrations, owners, service principals and app roles, as a script that sets up sign-in uses them."""

from typing import Any
from uuid import uuid4

import pytest

from sandbox import names
from tests.support.sandbox.arm import Arm
from tests.support.sandbox.person import UPSERT, Person
from tests.support.sandbox.sign_in import GRAPH, claims_of
from tests.support.sandbox_client import Sandbox

APP = "/applications(uniqueName='cipp-backend')"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ROLE, SCOPE = "5a8f7f3e-0b47-4f43-9d0a-2c9d3f3b6f10", "0c7f0f62-4a53-4e0e-a9f6-3f2a1d5b8e27"
OWNED_BY = "18a4783c-866b-4cc7-a460-3d5e5662c884"


def role(value: str = "superadmin", name: str = ROLE, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "id": name,
        "value": value,
        "displayName": value,
        "description": value,
        "allowedMemberTypes": ["User", "Application"],
        "isEnabled": enabled,
    }


BODY: dict[str, Any] = {
    "displayName": "CIPP Backend",
    "appRoles": [role()],
    "api": {
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [{"id": SCOPE, "value": "access", "type": "Admin", "isEnabled": True}],
    },
}


@pytest.fixture
def admin(sandbox: Sandbox) -> Person:
    sandbox.reset()
    return Person(sandbox)


def created(person: Person) -> Any:  # noqa: ANN401 - what JSON may hold
    return person.make("PATCH", APP, BODY, **UPSERT)


def principal_of(person: Person, app_id: str) -> Any:  # noqa: ANN401 - what JSON may hold
    at = f"/servicePrincipals(appId='{app_id}')"
    person.make("PATCH", at, {}, **UPSERT)
    return person.make("GET", at)


def test_application_is_created_once_by_its_unique_name(admin: Person) -> None:
    missing = admin.graph("PATCH", APP, BODY)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    first = admin.graph("PATCH", APP, BODY, **UPSERT)
    assert first.status_code == 201
    again = admin.graph("PATCH", APP, BODY | {"displayName": "Other"}, **UPSERT)
    assert (again.status_code, again.content) == (204, b"")
    found = admin.make("GET", APP)
    assert (found["id"], found["displayName"]) == (first.json()["id"], "Other")
    assert found["uniqueName"] == "cipp-backend"
    assert found["api"]["requestedAccessTokenVersion"] == 2
    assert len(admin.make("GET", "/applications?$filter=uniqueName eq 'cipp-backend'")["value"]) == 1


def test_creator_owns_the_application(admin: Person, sandbox: Sandbox) -> None:
    member = Person(sandbox, names.MEMBER_NAME)
    app = created(member)
    assert [one["id"] for one in member.make("GET", f"/applications/{app['id']}/owners")["value"]] == [names.MEMBER_ID]
    assert member.graph("PATCH", f"/applications/{app['id']}", {"notes": "x"}).status_code == 204
    other = f"/applications/{names.SAM_OBJECT_ID}"
    assert member.graph("PATCH", other, {"notes": "x"}).status_code == 403
    assert member.graph("DELETE", other).status_code == 403
    assert admin.graph("PATCH", other, {"notes": "x"}).status_code == 204


@pytest.mark.parametrize("scopes", ["User.Read", "Application.Read.All"])
def test_application_needs_the_permission_to_write(sandbox: Sandbox, admin: Person, scopes: str) -> None:
    del admin
    caller = Person(sandbox, scopes=scopes)
    for method, path, body in (
        ("PATCH", APP, BODY),
        ("POST", "/applications", BODY),
        ("POST", "/servicePrincipals", {"appId": names.SAM_APP_ID}),
        ("POST", f"/servicePrincipals/{names.SAM_SERVICE_PRINCIPAL_ID}/appRoleAssignedTo", {}),
        ("POST", f"/applications/{names.SAM_OBJECT_ID}/owners/$ref", {}),
    ):
        refused = caller.graph(method, path, body, **UPSERT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"displayName": None}, "Request_BadRequest"),
        ({"id": str(uuid4())}, "Request_BadRequest"),
        ({"colour": "red"}, "Request_BadRequest"),
        ({"identifierUris": ["https://example.com/x"]}, "HostNameNotOnVerifiedDomain"),
        ({"appRoles": [role(name="superadmin")]}, "Request_BadRequest"),
        ({"appRoles": [role(), role()]}, "Request_BadRequest"),
        ({"appRoles": [role(), role(name=SCOPE)]}, "Request_BadRequest"),
        (
            {"api": {"preAuthorizedApplications": [{"appId": CLI, "delegatedPermissionIds": [SCOPE]}]}},
            "Request_BadRequest",
        ),
    ],
)
def test_invalid_application_is_refused(admin: Person, change: dict[str, object], code: str) -> None:
    refused = admin.graph("PATCH", APP, BODY | change, **UPSERT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert admin.graph("GET", APP).status_code == 404


def test_enabled_role_or_scope_is_removed_only_after_it_is_disabled(admin: Person) -> None:
    created(admin)
    refused = admin.graph("PATCH", APP, {"appRoles": []})
    assert refused.json()["error"]["code"] == "CannotDeleteOrUpdateEnabledEntitlement"
    assert admin.graph("PATCH", APP, {"api": {"oauth2PermissionScopes": []}}).status_code == 400
    admin.make("PATCH", APP, {"appRoles": [role(enabled=False)]})
    admin.make("PATCH", APP, {"appRoles": []})


def test_owner_is_added_and_removed_once(admin: Person) -> None:
    app = created(admin)
    owners = f"/applications/{app['id']}/owners"
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.BACKEND_PRINCIPAL_ID}"}
    admin.make("POST", f"{owners}/$ref", link)
    assert "already exist" in admin.graph("POST", f"{owners}/$ref", link).json()["error"]["message"]
    kinds = {one["id"]: one["@odata.type"] for one in admin.make("GET", owners)["value"]}
    assert kinds[names.BACKEND_PRINCIPAL_ID] == "#microsoft.graph.servicePrincipal"
    for body in ({}, {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{uuid4()}"}):
        assert admin.graph("POST", f"{owners}/$ref", body).status_code in (400, 404)
    gone = f"{owners}/{names.BACKEND_PRINCIPAL_ID}/$ref"
    assert [admin.graph("DELETE", gone).status_code for _ in range(2)] == [204, 404]


def test_service_principal_is_created_once(admin: Person) -> None:
    app_id = created(admin)["appId"]
    at = f"/servicePrincipals(appId='{app_id}')"
    assert admin.graph("PATCH", at, {}).status_code == 404
    assert admin.graph("PATCH", at, {"appRoleAssignmentRequired": True}, **UPSERT).status_code == 201
    assert admin.graph("PATCH", at, {"appRoleAssignmentRequired": False}, **UPSERT).status_code == 204
    shown = admin.make("GET", at)
    assert shown["appRoleAssignmentRequired"] is False
    assert [one["value"] for one in shown["appRoles"]] == ["superadmin"]
    twice = admin.graph("POST", "/servicePrincipals", {"appId": app_id})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert admin.graph("POST", "/servicePrincipals", {"appId": str(uuid4())}).status_code == 400
    assert admin.graph("PATCH", f"/servicePrincipals/{shown['id']}", {"appRoles": []}).status_code == 400


def test_app_role_is_assigned_to_a_person_once_and_removed(admin: Person) -> None:
    principal = principal_of(admin, created(admin)["appId"])
    at = f"/servicePrincipals/{principal['id']}/appRoleAssignedTo"
    body = {"principalId": names.MEMBER_ID, "resourceId": principal["id"], "appRoleId": ROLE}
    made = admin.make("POST", at, body)
    assert (made["principalType"], made["principalDisplayName"]) == ("User", "Alex Jansen")
    refused = admin.graph("POST", at, body).json()["error"]["message"]
    assert refused == "Permission being assigned already exists on the object"
    for wrong, status in (
        ({"appRoleId": str(uuid4())}, 400),
        ({"principalId": str(uuid4())}, 404),
        ({"resourceId": str(uuid4())}, 400),
    ):
        assert admin.graph("POST", at, body | wrong).status_code == status
    assert [one["id"] for one in admin.make("GET", at)["value"]] == [made["id"]]
    assert [admin.graph("DELETE", f"{at}/{made['id']}").status_code for _ in range(2)] == [204, 404]


def test_member_assigns_roles_only_of_an_application_that_they_own(admin: Person, sandbox: Sandbox) -> None:
    mine = principal_of(admin, created(admin)["appId"])
    body = {"principalId": names.MEMBER_ID, "resourceId": mine["id"], "appRoleId": ROLE}
    member = Person(sandbox, names.MEMBER_ID)
    assert member.graph("POST", f"/servicePrincipals/{mine['id']}/appRoleAssignedTo", body).status_code == 403
    app = member.make("PATCH", "/applications(uniqueName='theirs')", BODY, **UPSERT)
    theirs = principal_of(member, app["appId"])
    body |= {"resourceId": theirs["id"]}
    assert member.graph("POST", f"/servicePrincipals/{theirs['id']}/appRoleAssignedTo", body).status_code == 201


def test_cli_gets_a_token_only_if_it_is_pre_authorized(admin: Person, sandbox: Sandbox) -> None:
    app = created(admin)
    address = f"api://{app['appId']}"
    assert "AADSTS500011" in admin.refusal_of_token(address)
    admin.make("PATCH", APP, {"identifierUris": [address]})
    assert "AADSTS65001" in admin.refusal_of_token(address)
    allowed = [{"appId": CLI, "delegatedPermissionIds": [SCOPE]}]
    admin.make("PATCH", APP, {"api": {"preAuthorizedApplications": allowed}})
    principal = principal_of(admin, app["appId"])
    assert claims_of(admin.token(address))["roles"] == []
    body = {"principalId": names.GROUP_ID, "resourceId": principal["id"], "appRoleId": ROLE}
    admin.make("POST", f"/servicePrincipals/{principal['id']}/appRoleAssignedTo", body)
    member = Person(sandbox, names.MEMBER_ID)
    assert claims_of(member.token(address))["roles"] == ["superadmin"]  # by a group
    admin.make("PATCH", f"/servicePrincipals/{principal['id']}", {"appRoleAssignmentRequired": True})
    assert "AADSTS50105" in admin.refusal_of_token(address)
    assert member.token(address)
    admin.make("PATCH", APP, {"api": {"preAuthorizedApplications": []}})
    assert "AADSTS65001" in member.refusal_of_token(address)


def test_identity_changes_only_the_application_that_it_owns(admin: Person, sandbox: Sandbox) -> None:
    arm = Arm(sandbox)
    graph = admin.make("GET", f"/servicePrincipals(appId='{names.GRAPH_APP_ID}')")["id"]

    def patch(app: str) -> int:
        headers = {"Authorization": f"Bearer {arm.token('graph.microsoft.com')}"}
        return arm.web.patch(f"{GRAPH}/v1.0/applications/{app}", json={"notes": "x"}, headers=headers).status_code

    assert patch(names.SAM_OBJECT_ID) == 403
    at = f"/servicePrincipals/{names.BACKEND_PRINCIPAL_ID}/appRoleAssignments"
    body = {"principalId": names.BACKEND_PRINCIPAL_ID, "resourceId": graph, "appRoleId": OWNED_BY}
    made = admin.make("POST", at, body)
    assert patch(names.SAM_OBJECT_ID) == 403
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.BACKEND_PRINCIPAL_ID}"}
    admin.make("POST", f"/applications/{names.SAM_OBJECT_ID}/owners/$ref", link)
    assert patch(names.SAM_OBJECT_ID) == 204
    assert patch(created(admin)["id"]) == 403
    assert [one["appRoleId"] for one in admin.make("GET", at)["value"]] == [OWNED_BY]
    admin.make("DELETE", f"{at}/{made['id']}")
    assert patch(names.SAM_OBJECT_ID) == 403


def test_application_is_deleted_with_its_service_principal(admin: Person) -> None:
    app = created(admin)
    principal = principal_of(admin, app["appId"])
    admin.make("DELETE", f"/applications/{app['id']}")
    assert admin.graph("GET", APP).status_code == 404
    assert admin.graph("GET", f"/servicePrincipals/{principal['id']}").status_code == 404


def test_me_is_the_person_who_signed_in(admin: Person, sandbox: Sandbox) -> None:
    assert admin.make("GET", "/me?$select=id")["id"] == names.ADMIN_ID
    assert Person(sandbox, names.MEMBER_NAME).make("GET", "/me")["userPrincipalName"] == names.MEMBER_NAME
    assert "The path must name a person" in Person(sandbox, "nobody").refusal_of_token(GRAPH)
