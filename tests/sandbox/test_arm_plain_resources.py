"""Resources that a template needs: identities, insights, storage, plans, apps, packages, locks and groups."""

from typing import Any

import pytest

from sandbox import names
from tests.support.admin import ROLES_API, SUBSCRIPTION, Admin
from tests.support.sandbox.arm import GROUP, Arm
from tests.support.sandbox.deployments import OWN_GROUP
from tests.support.sandbox_client import Sandbox

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/host"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/cippbestorage"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/packages"
PLAN = f"{GROUP}/providers/Microsoft.Web/serverfarms/cipp-be-plan"
SITE = f"{GROUP}/providers/Microsoft.Web/sites/cipp-be"
LOCKS = "providers/Microsoft.Authorization/locks"
HERE: dict[str, Any] = {"location": "westeurope"}
FC1: dict[str, Any] = {"sku": {"name": "FC1", "tier": "FlexConsumption"}, "kind": "functionapp"}


@pytest.fixture
def owner(sandbox: Sandbox) -> Admin:
    sandbox.reset()
    return Admin(sandbox)


def error(admin: Admin, method: str, path: str, version: str, body: object = None) -> tuple[int, str]:
    answer = admin.web.request(
        method, f"https://management.azure.com{path}", json=body, params={"api-version": version}
    )
    whole = answer.json()
    return answer.status_code, whole["error"]["code"] if "error" in whole else whole["Message"]


def make_app(owner: Admin, *, authentication: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Create an app on Flex Consumption with its identity, storage and plan."""
    owner.call("PUT", IDENTITY, "2023-01-31", HERE)
    account = {**HERE, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    owner.call("PUT", ACCOUNT, "2023-05-01", account | {"properties": {"allowSharedKeyAccess": False}})
    owner.call("PUT", CONTAINER, "2023-05-01", {})
    owner.call("PUT", PLAN, "2024-04-01", {**HERE, **FC1, "properties": {"reserved": True}})
    storage = {
        "type": "blobContainer",
        "value": "https://cippbestorage.blob.core.windows.net/packages",
        "authentication": authentication
        or {"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": IDENTITY},
    }
    body = {
        **HERE,
        "kind": "functionapp,linux",
        "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "properties": {"serverFarmId": PLAN, "functionAppConfig": {"deployment": {"storage": storage}}},
    }
    return owner.call("PUT", SITE, "2024-04-01", body)


def test_identity_has_ids_that_stay_and_a_service_principal(owner: Admin, sandbox: Sandbox) -> None:
    made = owner.call("PUT", IDENTITY, "2023-01-31", HERE)
    assert owner.call("PUT", IDENTITY, "2023-01-31", HERE)["properties"] == made["properties"]
    principal = {"properties": {"roleDefinitionId": role("acdd72a7-3385-48ef-bd42-f606fba81ae7")}}
    principal["properties"]["principalId"] = made["properties"]["principalId"]
    assignment = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/0d6f2b3e-9f43-4a2f-8a0f-0f1f3c4d5e6f"
    owner.call("PUT", assignment, ROLES_API, principal)  # without a principalType, the principal must be known
    assert list(sandbox.state()["resources"]) == [IDENTITY]


def role(name: str) -> str:
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{name}"


def test_component_has_a_connection_string(owner: Admin) -> None:
    path = f"{GROUP}/providers/Microsoft.Insights/components/logs"
    body = {**HERE, "kind": "web", "properties": {"Application_Type": "web", "DisableLocalAuth": True}}
    made = owner.call("PUT", path, "2020-02-02", body)["properties"]
    assert made["DisableLocalAuth"] is True
    assert made["ConnectionString"].startswith(f"InstrumentationKey={made['InstrumentationKey']};IngestionEndpoint=")
    assert error(owner, "PUT", path, "2020-02-02", {**body, "location": "northeurope"})[1] == "InvalidResourceLocation"
    assert error(owner, "PUT", path, "2020-02-02", {})[1] == "LocationRequired"


def test_resource_is_listed_and_deleted(owner: Admin, sandbox: Sandbox) -> None:
    owner.call("PUT", IDENTITY, "2023-01-31", HERE)
    kind = IDENTITY.rpartition("/")[0]
    assert [one["name"] for one in owner.call("GET", kind, "2023-01-31")["value"]] == ["host"]
    everything = owner.call("GET", f"{GROUP}/resources", "2025-04-01")["value"]
    assert IDENTITY in [one["id"] for one in everything]
    owner.call("DELETE", IDENTITY, "2023-01-31")
    assert sandbox.state()["resources"] == {}
    assert error(owner, "GET", IDENTITY, "2023-01-31") == (404, "ResourceNotFound")


def test_storage_account_keeps_what_was_written_and_its_keys(owner: Admin) -> None:
    make_app(owner)
    account = owner.call("GET", ACCOUNT, "2023-05-01")
    assert account["properties"]["allowSharedKeyAccess"] is False
    assert account["properties"]["primaryEndpoints"]["blob"] == "https://cippbestorage.blob.core.windows.net/"
    keys = owner.call("POST", f"{ACCOUNT}/listKeys", "2023-05-01")
    owner.call("PUT", ACCOUNT, "2023-05-01", {**HERE, "sku": {"name": "Standard_ZRS"}, "kind": "StorageV2"})
    assert owner.call("POST", f"{ACCOUNT}/listKeys", "2023-05-01") == keys
    assert owner.call("GET", ACCOUNT, "2023-05-01")["properties"]["allowSharedKeyAccess"] is False
    assert error(owner, "PUT", f"{ACCOUNT}-X", "2023-05-01", HERE)[1] == "AccountNameInvalid"
    assert error(owner, "PUT", f"{CONTAINER}--x", "2023-05-01", {})[1] == "ContainerNameInvalid"
    assert error(owner, "GET", f"{CONTAINER}2", "2023-05-01") == (404, "ContainerNotFound")


def test_app_has_the_identities_of_its_body(owner: Admin) -> None:
    made = make_app(owner)["identity"]
    assert made["type"] == "SystemAssigned, UserAssigned"
    host = owner.call("GET", IDENTITY, "2023-01-31")["properties"]
    assert made["userAssignedIdentities"][IDENTITY]["principalId"] == host["principalId"]
    assert make_app(owner)["identity"]["principalId"] == made["principalId"]
    nothing = owner.call("PATCH", SITE, "2024-04-01", {"identity": {"type": "None"}})
    assert "identity" not in nothing
    gone = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITY}2": {}}}}
    assert error(owner, "PATCH", SITE, "2024-04-01", gone)[1] == "FailedIdentityOperation"


def test_app_needs_permission_for_its_plan_and_identity(owner: Admin, sandbox: Sandbox) -> None:
    make_app(owner)
    owner.take_roles()
    owner.give_role("Website Contributor", SITE)
    caller = Arm(sandbox)
    body = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}}
    refused = caller.call("PATCH", SITE, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "LinkedAuthorizationFailed")
    assert "userAssignedIdentities/assign/action" in refused.json()["error"]["message"]
    owner.give_role("Website Contributor", f"{SITE}-2")
    second = {**HERE, "kind": "functionapp,linux", "properties": {"serverFarmId": PLAN}}
    refused = caller.call("PUT", f"{SITE}-2", second)
    assert "Microsoft.Web/serverfarms/join/action" in refused.json()["error"]["message"]


def test_package_needs_the_permission_of_the_apps_identity_on_its_container(owner: Admin, sandbox: Sandbox) -> None:
    make_app(owner)
    package = {"properties": {"packageUri": "https://example.com/x.zip", "remoteBuild": False}}
    one_deploy = f"{SITE}/extensions/onedeploy"
    status, message = error(owner, "PUT", one_deploy, "2022-09-01", package)
    assert status == 400
    assert "BlobUploadFailedException" in message
    assert "403" in message
    host = owner.call("GET", IDENTITY, "2023-01-31")["properties"]["principalId"]
    owner.give_role("Storage Blob Data Owner", ACCOUNT, host)
    owner.call("PUT", one_deploy, "2022-09-01", package)
    assert sandbox.state()["sites"]["cipp-be"]["package"] == package["properties"]
    shown = owner.call("GET", one_deploy, "2022-09-01")["properties"]
    assert shown == {"provisioningState": "Succeeded", **package["properties"]}
    assert error(owner, "PUT", one_deploy, "2022-09-01", {"properties": {}})[0] == 400
    assert (
        error(
            owner, "GET", f"{GROUP}/providers/Microsoft.Web/sites/{names.MAIN_SITE}/extensions/onedeploy", "2022-09-01"
        )[0]
        == 404
    )


@pytest.mark.parametrize("authentication", [{"type": "SystemAssignedIdentity"}, {"type": "UserAssignedIdentity"}])
def test_package_goes_to_the_container_with_the_named_identity_only(
    owner: Admin, authentication: dict[str, str]
) -> None:
    made = make_app(owner, authentication=authentication)
    host = owner.call("GET", IDENTITY, "2023-01-31")["properties"]["principalId"]
    owner.give_role("Storage Blob Data Owner", ACCOUNT, host)
    package = {"properties": {"packageUri": "https://example.com/x.zip"}}
    assert error(owner, "PUT", f"{SITE}/extensions/onedeploy", "2022-09-01", package)[0] == 400
    if authentication["type"] == "SystemAssignedIdentity":
        owner.give_role("Storage Blob Data Owner", ACCOUNT, made["identity"]["principalId"])
        owner.call("PUT", f"{SITE}/extensions/onedeploy", "2022-09-01", package)


def test_publishing_policy_is_kept(owner: Admin) -> None:
    policy = f"{GROUP}/providers/Microsoft.Web/sites/{names.MAIN_SITE}/basicPublishingCredentialsPolicies/scm"
    owner.call("PUT", policy, "2024-04-01", {"properties": {"allow": True}})
    assert owner.call("GET", policy, "2024-04-01")["properties"] == {"allow": True}
    assert error(owner, "PUT", policy, "2024-04-01", {"properties": {"allow": "no"}})[0] == 400


def test_plan_of_flex_consumption_must_run_linux(owner: Admin) -> None:
    assert error(owner, "PUT", PLAN, "2024-04-01", {**HERE, **FC1, "properties": {}})[0] == 400
    assert error(owner, "PUT", PLAN, "2024-04-01", {**HERE, "properties": {"reserved": True}})[0] == 400
    made = owner.call("PUT", PLAN, "2024-04-01", {**HERE, **FC1, "properties": {"reserved": True}})
    assert (made["sku"]["tier"], made["properties"]["reserved"], made["kind"]) == (
        "FlexConsumption",
        True,
        "functionapp",
    )


@pytest.mark.parametrize("scope", [GROUP, IDENTITY])
def test_lock_refuses_deletion_at_and_below_and_above_its_scope(owner: Admin, scope: str) -> None:
    owner.call("PUT", IDENTITY, "2023-01-31", HERE)
    lock = f"{scope}/{LOCKS}/keep"
    owner.call("PUT", lock, "2020-05-01", {"properties": {"level": "CanNotDelete"}})
    assert error(owner, "DELETE", IDENTITY, "2023-01-31") == (409, "ScopeLocked")
    assert error(owner, "DELETE", GROUP, "2022-09-01") == (409, "ScopeLocked")
    owner.call("PUT", IDENTITY, "2023-01-31", HERE)
    assert [one["name"] for one in owner.call("GET", f"{GROUP}/{LOCKS}", "2020-05-01")["value"]] == ["keep"]
    owner.call("DELETE", lock, "2020-05-01")
    owner.call("DELETE", IDENTITY, "2023-01-31")
    assert error(owner, "PUT", lock, "2020-05-01", {"properties": {"level": "None"}})[0] == 400
    assert error(owner, "GET", lock, "2020-05-01") == (404, "LockNotFound")


def test_read_only_lock_refuses_every_write(owner: Admin) -> None:
    owner.call("PUT", f"{GROUP}/{LOCKS}/keep", "2020-05-01", {"properties": {"level": "ReadOnly"}})
    assert error(owner, "PUT", IDENTITY, "2023-01-31", HERE) == (409, "ScopeLocked")
    assert owner.call("GET", GROUP, "2022-09-01")["name"] == "cipp"


def test_group_is_deleted_with_everything_in_it(owner: Admin, sandbox: Sandbox) -> None:
    before = sandbox.state()
    assert error(owner, "PUT", OWN_GROUP, "2022-09-01", {})[1] == "LocationRequired"
    owner.call("PUT", OWN_GROUP, "2022-09-01", {"location": "West Europe", "tags": {"a": "b"}})
    assert error(owner, "PUT", OWN_GROUP, "2022-09-01", {"location": "east"})[1] == "InvalidResourceGroupLocation"
    owner.call("PUT", IDENTITY.replace(GROUP, OWN_GROUP), "2023-01-31", HERE)
    owner.give_role("Reader", OWN_GROUP)
    owner.call("DELETE", OWN_GROUP, "2022-09-01")
    assert error(owner, "GET", OWN_GROUP, "2022-09-01") == (404, "ResourceGroupNotFound")
    after = sandbox.state()
    assert after | {"now": ""} == before | {"now": ""}
    assert error(owner, "DELETE", GROUP, "2022-09-01")[0] == 501  # it has CIPP's vault
