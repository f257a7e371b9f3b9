"""Federated identity credentials of a registration, and what a service principal owns, in the sandbox's Graph."""

from typing import Any

import pytest

from sandbox import names
from tests.support.sandbox.person import UPSERT, Person
from tests.support.sandbox.sign_in import GRAPH
from tests.support.sandbox_client import Sandbox

APP = "/applications(uniqueName='cipp-backend')"
BODY: dict[str, Any] = {
    "name": "cipp-backend",
    "issuer": f"https://login.microsoftonline.com/{names.TENANT_ID}/v2.0",
    "subject": names.BACKEND_PRINCIPAL_ID,
    "audiences": ["api://AzureADTokenExchange"],
}


@pytest.fixture
def admin(sandbox: Sandbox) -> Person:
    sandbox.reset()
    return Person(sandbox)


@pytest.fixture
def at(admin: Person) -> str:
    """The address of the credentials of a new registration."""
    app_id = admin.make("PATCH", APP, {"displayName": "CIPP Backend"}, **UPSERT)["appId"]
    return f"/applications(appId='{app_id}')/federatedIdentityCredentials"


def test_credential_is_created_changed_and_removed(admin: Person, at: str) -> None:
    assert admin.make("GET", at)["value"] == []
    made = admin.graph("POST", at, BODY)
    assert made.status_code == 201
    (shown,) = admin.make("GET", at)["value"]
    assert list(shown) == ["id", "name", "issuer", "subject", "description", "audiences"]
    assert {name: shown[name] for name in BODY} == BODY
    assert shown["description"] is None
    admin.make("PATCH", f"{at}/cipp-backend", {"subject": names.MAIN_PRINCIPAL_ID})
    (changed,) = admin.make("GET", at)["value"]
    assert (changed["id"], changed["subject"]) == (shown["id"], names.MAIN_PRINCIPAL_ID)
    gone = f"{at}/{shown['id']}"
    assert [admin.graph("DELETE", gone).status_code for _ in range(2)] == [204, 404]
    assert admin.graph("PATCH", gone, {"subject": "x"}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x"},
        {"name": None},
        {"issuer": "login.microsoftonline.com"},
        {"issuer": None},
        {"subject": ""},
        {"audiences": []},
        {"audiences": ["a", "b"]},
        {"colour": "red"},
    ],
)
def test_invalid_credential_is_refused(admin: Person, at: str, change: dict[str, object]) -> None:
    refused = admin.graph("POST", at, BODY | change)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_BadRequest")
    assert admin.make("GET", at)["value"] == []


def test_second_equal_credential_is_refused(admin: Person, at: str) -> None:
    admin.make("POST", at, BODY)
    assert admin.graph("POST", at, BODY).status_code == 409
    assert "already exists" in admin.graph("POST", at, BODY | {"name": "other"}).json()["error"]["message"]
    admin.make("POST", at, BODY | {"name": "other", "subject": "x"})
    for number in range(18):
        admin.make("POST", at, BODY | {"name": f"more-{number}", "subject": str(number)})
    assert "limit" in admin.graph("POST", at, BODY | {"name": "last", "subject": "last"}).json()["error"]["message"]


def test_credential_is_written_only_by_an_owner(admin: Person, sandbox: Sandbox, at: str) -> None:
    admin.make("POST", at, BODY)
    member = Person(sandbox, names.MEMBER_NAME)
    assert member.graph("POST", at, BODY | {"name": "other"}).status_code == 403
    assert member.graph("PATCH", f"{at}/cipp-backend", {"subject": "x"}).status_code == 403
    assert member.graph("DELETE", f"{at}/cipp-backend").status_code == 403
    assert len(admin.make("GET", at)["value"]) == 1


def test_owned_objects_are_those_of_the_service_principal(admin: Person, at: str) -> None:
    owned = f"/servicePrincipals/{names.SAM_SERVICE_PRINCIPAL_ID}/ownedObjects"
    assert admin.make("GET", owned)["value"] == []
    app_id = at.split("'")[1]
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.SAM_SERVICE_PRINCIPAL_ID}"}
    admin.make("POST", f"/applications(appId='{app_id}')/owners/$ref", link)
    (found,) = admin.make("GET", owned)["value"]
    assert (found["@odata.type"], found["appId"]) == ("#microsoft.graph.application", app_id)
    assert admin.graph("GET", "/servicePrincipals/unknown/ownedObjects").status_code == 404


def test_complex_properties_are_shown_whole(admin: Person) -> None:
    admin.make("PATCH", APP, {"displayName": "CIPP Backend", "api": {"requestedAccessTokenVersion": 2}}, **UPSERT)
    shown = admin.make("GET", APP)["api"]
    assert (shown["requestedAccessTokenVersion"], shown["preAuthorizedApplications"]) == (2, [])
