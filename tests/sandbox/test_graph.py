from datetime import datetime, timedelta

import pytest

from sandbox import names
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox_client import Sandbox

PROOF_AUDIENCE = "00000002-0000-0000-c000-000000000000"


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox)


@pytest.fixture
def path(app: Sam) -> str:
    return f"/v1.0/applications/{app.object_id}"


def test_application_is_read_by_either_id_completely_or_selected(app: Sam, path: str) -> None:
    whole = app.graph("GET", path).json()
    assert whole["@odata.context"] == "https://graph.microsoft.com/v1.0/$metadata#applications/$entity"
    assert whole["displayName"] == names.SAM_DISPLAY_NAME
    by_app = f"/beta/applications(appId='{app.app_id}')?$select=id,passwordCredentials"
    part = app.graph("GET", by_app).json()
    assert set(part) == {"@odata.context", "id", "passwordCredentials"}
    listed = app.graph("GET", f"/v1.0/applications?$filter=appId eq '{app.app_id}'").json()["value"]
    assert [one["id"] for one in listed] == [app.object_id]
    assert app.graph("GET", "/v1.0/applications?$filter=displayName eq 'x'").json()["value"] == []


def test_secrets_text_is_shown_once(app: Sam, path: str) -> None:
    made = app.graph("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "CIPP Backend"}})
    body = made.json()
    assert made.status_code == 200
    assert body["hint"] == body["secretText"][:3]
    start, end = (datetime.fromisoformat(body[f"{name}DateTime"]) for name in ("start", "end"))
    assert timedelta(days=729) < end - start < timedelta(days=732)
    assert body["secretText"] not in app.graph("GET", path).text
    password = app.application()["passwordCredentials"][-1]
    assert (password["keyId"], password["secretText"]) == (body["keyId"], body["secretText"])


def test_secret_is_removed_immediately_and_only_once(app: Sam, path: str) -> None:
    (old,) = app.application()["passwordCredentials"]
    token = app.sign_in().json()["access_token"]
    assert app.graph("POST", f"{path}/removePassword", {"keyId": old["keyId"]}, token).status_code == 204
    assert app.sign_in().status_code == 401
    again = app.graph("POST", f"{path}/removePassword", {"keyId": old["keyId"]}, token)
    assert again.status_code == 400
    assert "No password credential found with keyId" in again.json()["error"]["message"]


def test_certificates_are_replaced_and_their_keys_shown_when_selected(app: Sam, path: str) -> None:
    first, second = Certificate(), Certificate(days=30)
    assert app.graph("PATCH", path, {"keyCredentials": [first.entry()]}).status_code == 204
    (kept,) = app.graph("GET", path).json()["keyCredentials"]
    assert kept["key"] is None
    assert len(kept["customKeyIdentifier"]) == 40
    assert app.graph("PATCH", path, {"keyCredentials": [kept, second.entry()]}).status_code == 204
    selected = app.graph("GET", f"{path}?$select=keyCredentials").json()["keyCredentials"]
    assert [key["key"] for key in selected] == [first.public, second.public]
    assert selected[0]["keyId"] == kept["keyId"]
    assert app.graph("PATCH", path, {"keyCredentials": [{"key": "eA=="}]}).status_code == 400


def test_key_is_added_and_removed_with_a_signed_token(app: Sam, path: str) -> None:
    first, second = Certificate(), Certificate()
    app.graph("PATCH", path, {"keyCredentials": [first.entry()]})
    entry = {"keyCredential": second.entry(), "passwordCredential": None}
    forged = {**entry, "proof": second.signed(app.object_id, PROOF_AUDIENCE)}
    assert app.graph("POST", f"{path}/addKey", forged).status_code == 401
    proof = first.signed(app.object_id, PROOF_AUDIENCE)
    added = app.graph("POST", f"{path}/addKey", {**entry, "proof": proof})
    assert added.status_code == 200
    gone = {"keyId": added.json()["keyId"], "proof": proof}
    assert app.graph("POST", f"{path}/removeKey", gone).status_code == 204
    assert len(app.application()["keyCredentials"]) == 1


def test_lock_is_patched_by_member(app: Sam, path: str) -> None:
    lock = {"@odata.type": "#microsoft.graph.servicePrincipalLockConfiguration", "isEnabled": True}
    for change in (lock, {"allProperties": True}):
        assert app.graph("PATCH", path, {"servicePrincipalLockConfiguration": change}).status_code == 204
    read = app.graph("GET", f"{path}?$select=servicePrincipalLockConfiguration").json()
    assert read["servicePrincipalLockConfiguration"] == {"isEnabled": True, "allProperties": True}
    assert app.graph("PATCH", path, {"noSuchThing": 1}).status_code == 400


def test_tenant_policy_applies_until_the_app_has_its_own(app: Sam, path: str) -> None:
    rule = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P90D"}
    change = {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [rule]}}
    assert app.graph("PATCH", "/v1.0/policies/defaultAppManagementPolicy", change).status_code == 204
    refused = app.graph("POST", f"{path}/addPassword", {}).json()["error"]
    assert "exceeds the max value allowed as per assigned policy" in refused["message"]
    policies = "/v1.0/policies/appManagementPolicies"
    own = app.graph("POST", policies, {"displayName": "CIPP Exemption Policy", "isEnabled": True}).json()["id"]
    link = {"@odata.id": f"https://graph.microsoft.com{policies}/{own}"}
    assert app.graph("POST", f"{path}/appManagementPolicies/$ref", link).status_code == 204
    (bound,) = app.graph("GET", f"{policies}/{own}/appliesTo").json()["value"]
    assert bound["appId"] == app.app_id
    assert app.graph("POST", f"{path}/addPassword", {}).status_code == 200


def test_batch_has_a_response_to_each_request(app: Sam) -> None:
    requests = [
        {"id": "policy", "method": "GET", "url": "/policies/defaultAppManagementPolicy"},
        {"id": "app", "method": "GET", "url": f"applications(appId='{app.app_id}')?$select=id,appId"},
        {"id": "none", "method": "GET", "url": f"/applications/{app.app_id}"},
    ]
    answers = app.graph("POST", "/beta/$batch", {"requests": requests}).json()["responses"]
    assert [(one["id"], one["status"]) for one in answers] == [("policy", 200), ("app", 200), ("none", 404)]
    assert answers[1]["body"]["id"] == app.object_id


def test_app_can_read_its_own_roles_and_organization(app: Sam) -> None:
    roles = app.graph("GET", f"/v1.0/servicePrincipals(appId='{app.app_id}')/appRoleAssignments").json()
    assert len(roles["value"]) == 5
    (organization,) = app.graph("GET", "/v1.0/organization").json()["value"]
    assert organization["id"] == app.tenant


def test_graph_accepts_only_a_valid_token_for_itself(app: Sam, path: str) -> None:
    elsewhere = app.sign_in(scope="https://vault.azure.net/.default").json()["access_token"]
    for token in ("x", elsewhere):
        answer = app.graph("GET", path, token=token)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
        assert "www-authenticate" in answer.headers


def test_customers_tenant_does_not_have_the_partners_app(app: Sam, path: str) -> None:
    tenant, refresh_token = next(iter(app.direct.items()))
    token = app.refresh(refresh_token, tenant).json()["access_token"]
    error = app.graph("GET", path, token=token)
    assert error.status_code == 404
    assert set(error.json()["error"]) == {"code", "message", "innerError"}


def test_unmodified_graph_sdk_adds_and_removes_a_password(app: Sam) -> None:
    printed = app.sandbox.run(
        f"""
import asyncio
from azure.identity import ClientSecretCredential
from msgraph import GraphServiceClient
from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
    AddPasswordPostRequestBody)
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
    RemovePasswordPostRequestBody)
from msgraph.generated.models.password_credential import PasswordCredential

async def main():
    credential = ClientSecretCredential({app.tenant!r}, {app.app_id!r}, {app.secret!r})
    client = GraphServiceClient(credential, ["https://graph.microsoft.com/.default"])
    one = client.applications.by_application_id({app.object_id!r})
    body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="CIPP Backend"))
    made = await one.add_password.post(body)
    print(made.secret_text)
    await one.remove_password.post(RemovePasswordPostRequestBody(key_id=made.key_id))

asyncio.run(main())
"""
    )
    calls = app.sandbox.calls("graph.microsoft.com")
    assert [call["status"] for call in calls] == [200, 204]
    assert printed.strip() in calls[0]["response_body"]
    assert len(app.application()["passwordCredentials"]) == 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_list_is_read_page_by_page(app: Sam, size: int) -> None:
    made = [
        app.graph("POST", "/v1.0/policies/appManagementPolicies", {"displayName": f"Policy {number}"}).json()["id"]
        for number in range(3)
    ]
    path, found = f"/v1.0/policies/appManagementPolicies?$select=id&$top={size}", []
    while path:
        page = app.graph("GET", path).json()
        assert len(page["value"]) == size or "@odata.nextLink" not in page
        assert all(entry.keys() == {"id"} for entry in page["value"])
        found += [entry["id"] for entry in page["value"]]
        path = page.get("@odata.nextLink", "").removeprefix("https://graph.microsoft.com")
    assert found == made


@pytest.mark.parametrize("query", ["$top=0", "$top=1000", "$top=-1", "$top=x", "$skiptoken=x", "$skiptoken=eA=="])
def test_invalid_page_is_refused(app: Sam, query: str) -> None:
    assert app.graph("GET", f"/v1.0/applications?{query}").status_code == 400
