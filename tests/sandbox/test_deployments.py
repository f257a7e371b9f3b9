"""What a deployment does: order, permissions, nested deployments, outcome and what-if."""

from pathlib import Path
from typing import Any

import pytest

from sandbox import names
from sandbox.arm.deployments.template_text import read_text
from tests.support.admin import ROLES_API, SUBSCRIPTION
from tests.support.sandbox.arm import Arm
from tests.support.sandbox.deployments import OWN_GROUP, Deployments, refusal, template
from tests.support.sandbox_client import Sandbox

FLEX_APP = read_text((Path(__file__).parents[1] / "support" / "sandbox" / "flex_app.json").read_bytes())
GIVEN: dict[str, Any] = {
    "appName": "cipp-be",
    "cippGroup": names.RESOURCE_GROUP,
    "vault": names.VAULT,
    "packageUri": "https://github.com/x/releases/download/v1/package.zip",
}
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
WORKSPACES = "Microsoft.OperationalInsights/workspaces"
NESTED: dict[str, Any] = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner"}


def identity(name: str, **more: object) -> dict[str, object]:
    return {"type": IDENTITIES, "apiVersion": "2023-01-31", "name": name, "location": "westeurope", **more}


def workspace(name: str, value: object, **more: object) -> dict[str, object]:
    """Return a resource that shows a value of the template in its properties."""
    kind = {"type": WORKSPACES, "apiVersion": "2023-09-01", "name": name, "location": "westeurope"}
    return {**kind, "properties": {"seen": value}, **more}


@pytest.fixture
def azure(sandbox: Sandbox) -> Deployments:
    sandbox.reset()
    azure = Deployments(sandbox, group=OWN_GROUP)
    azure.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})
    return azure


def seen(azure: Deployments, name: str) -> Any:  # noqa: ANN401 - what JSON may hold
    resources = azure.sandbox.state()["resources"]
    return resources[f"{OWN_GROUP}/providers/{WORKSPACES}/{name}"]["properties"]["seen"]


def granted(azure: Deployments, principal: str) -> list[list[str]]:
    """Return the actions of each role that a principal has in CIPP's group."""
    roles = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Authorization"
    held = azure.admin.call("GET", f"{roles}/roleAssignments", ROLES_API)["value"]
    mine = [one["properties"] for one in held if one["properties"]["principalId"] == principal]
    found = [azure.admin.call("GET", one["roleDefinitionId"], ROLES_API)["properties"] for one in mine]
    return [role["permissions"][0]["actions"] for role in found]


def test_flex_app_is_deployed_with_its_identity_package_and_permissions(azure: Deployments) -> None:
    assert azure.validate(FLEX_APP, **GIVEN).status_code == 200
    outputs = azure.outputs(FLEX_APP, **GIVEN)
    assert outputs["hostName"] == "cipp-be.azurewebsites.net"
    state = azure.sandbox.state()
    site = state["sites"]["cipp-be"]
    assert site["appSettings"]["APPLICATIONINSIGHTS_CONNECTION_STRING"].startswith("InstrumentationKey=")
    assert site["authSettings"]["globalValidation"]["unauthenticatedClientAction"] == "Return401"
    assert site["package"] == {"packageUri": GIVEN["packageUri"], "remoteBuild": False}
    shown = azure.admin.call("GET", f"{OWN_GROUP}/providers/Microsoft.Web/sites/cipp-be", "2024-04-01")
    assert shown["identity"]["principalId"] == outputs["principalId"]
    (host,) = shown["identity"]["userAssignedIdentities"].values()
    storage = shown["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["value"].endswith(".blob.core.windows.net/packages")
    assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert host["principalId"] != outputs["principalId"]
    assert set(state["deployments"].values()) == {"Succeeded"}
    assert granted(azure, outputs["principalId"]) == [["Microsoft.Web/sites/read", "Microsoft.Web/serverfarms/read"]]
    vault = azure.admin.call(
        "GET", f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}", "2023-07-01"
    )
    policies = {one["objectId"]: one["permissions"]["secrets"] for one in vault["properties"]["accessPolicies"]}
    assert policies[outputs["principalId"]] == ["get", "list", "set"]


def test_same_deployment_twice_changes_nothing(azure: Deployments) -> None:
    first = azure.what_if(FLEX_APP, **GIVEN)
    assert set(first) == {"Create", "Modify", "Ignore", "Unsupported"}
    (unknown,) = first["Unsupported"]  # only the deployment knows its name
    assert unknown.startswith("Microsoft.Authorization/roleAssignments/[guid(")
    assert first["Modify"] == [f"Microsoft.KeyVault/vaults/{names.VAULT}/accessPolicies/add"]
    azure.outputs(FLEX_APP, **GIVEN)
    assert set(azure.what_if(FLEX_APP, **GIVEN)) == {"NoChange", "Ignore"}
    before = azure.sandbox.state()
    azure.outputs(FLEX_APP, **GIVEN)
    after = azure.sandbox.state()
    assert (after["resources"], after["locks"]) == (before["resources"], before["locks"])
    assert after["sites"]["cipp-be"]["identities"] == before["sites"]["cipp-be"]["identities"]


def test_what_if_shows_each_changed_property(azure: Deployments) -> None:
    azure.outputs(FLEX_APP, **GIVEN)
    (changed,) = [c for c in azure.changes(FLEX_APP, **GIVEN, memory=512) if c["changeType"] == "Modify"]
    assert changed["resourceId"].endswith("/sites/cipp-be")
    assert changed["delta"] == [
        {
            "path": "properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMB",
            "propertyChangeType": "Modify",
            "before": 2048,
            "after": 512,
            "children": None,
        }
    ]
    azure.outputs(template(workspace("one", {"list": [1, 2], "a": 1}, tags={"a": "1", "b": "2"})))
    whole = template(workspace("one", {"list": [2, 3], "b": 1}, tags={"a": "2"}))
    (changed,) = [c for c in azure.changes(whole) if c["changeType"] == "Modify"]
    delta = {one["path"]: one for one in changed["delta"]}
    kinds = {path: one["propertyChangeType"] for path, one in delta.items()}
    assert kinds == {
        "tags.a": "Modify",
        "tags.b": "Delete",
        "properties.seen.list": "Array",
        "properties.seen.b": "Create",
    }
    assert [c["propertyChangeType"] for c in delta["properties.seen.list"]["children"]] == ["Create", "Delete"]


def test_what_if_shows_an_expression_that_only_the_deployment_knows(azure: Deployments) -> None:
    expression = "[concat(reference('id').clientId, '!')]"
    whole = template(identity("id"), workspace("one", expression))
    after = {
        c["resourceId"].rpartition("/")[2]: c["after"] for c in azure.changes(whole) if c["changeType"] == "Create"
    }
    assert after["one"]["properties"]["seen"] == expression
    assert azure.sandbox.state()["resources"] == {}


def test_resource_that_needs_another_one_waits_for_it(azure: Deployments) -> None:
    """A reference by name makes one resource need another, and so does dependsOn by ID, name or copy loop."""
    whole = template(
        workspace("by-name", "[reference('id').principalId]"),
        workspace(
            "by-id",
            f"[reference(resourceId('{IDENTITIES}', 'id'), '2023-01-31').principalId]",
            dependsOn=[f"[resourceId('{IDENTITIES}', 'id')]"],
        ),
        workspace("by-loop", "[reference('many1').principalId]", dependsOn=["loop"]),
        identity("id"),
        identity("[concat('many', copyIndex())]", copy={"name": "loop", "count": 2}),
    )
    azure.outputs(whole)
    assert seen(azure, "by-name") == seen(azure, "by-id") != seen(azure, "by-loop")
    names_of = [r.rpartition("/")[2] for r in azure.sandbox.state()["resources"]]
    assert set(names_of) == {"id", "many0", "many1", "by-name", "by-id", "by-loop"}


def test_missing_dependency_fails_the_deployment(azure: Deployments) -> None:
    """Azure deploys in any order what does not need each other. The sandbox begins with the last one."""
    by_id = f"[reference(resourceId('{IDENTITIES}', 'id'), '2023-01-31').principalId]"
    ended = azure.deploy(template(identity("id"), workspace("one", by_id)))
    assert ended["provisioningState"] == "Failed"
    assert ended["error"]["code"] == "DeploymentFailed"
    (detail,) = ended["error"]["details"]
    assert "is referenced before it is deployed" in detail["message"]


def test_failed_resource_leaves_out_those_that_need_it(azure: Deployments) -> None:
    container = {
        "type": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "apiVersion": "2023-05-01",
        "name": "nosuchaccount/default/x",
    }
    whole = template(identity("fine"), container, identity("late", dependsOn=["nosuchaccount/default/x"]))
    ended = azure.deploy(whole)
    assert ended["error"]["details"][0]["code"] == "ResourceNotFound"
    assert "outputs" not in ended
    assert [r.rpartition("/")[2] for r in azure.sandbox.state()["resources"]] == ["fine"]
    operations = azure.send("GET", "test", after="/operations").json()["value"]
    states = {
        one["properties"]["targetResource"]["resourceName"]: one["properties"]["provisioningState"]
        for one in operations
    }
    assert states == {"fine": "Succeeded", "nosuchaccount/default/x": "Failed"}
    status = azure.web.get(azure.put(whole).headers["Azure-AsyncOperation"]).json()
    assert (status["status"], status["error"]["code"]) == ("Failed", "DeploymentFailed")


def test_condition_leaves_a_resource_out(azure: Deployments) -> None:
    whole = template(
        identity("no", condition="[parameters('wanted')]"),
        workspace("one", "[if(parameters('wanted'), reference('no').clientId, 'none')]", dependsOn=["no"]),
        parameters={"wanted": {"type": "bool"}},
    )
    azure.outputs(whole, wanted=False)
    assert seen(azure, "one") == "none"
    assert set(azure.what_if(whole, wanted=False)) == {"NoChange"}
    azure.outputs(whole, wanted=True)
    assert seen(azure, "one") != "none"


def test_child_resource_has_the_type_and_name_of_its_parent(azure: Deployments) -> None:
    child = {
        "type": "blobServices/containers",
        "apiVersion": "2023-05-01",
        "name": "[concat('default/', parameters('container'))]",
        "dependsOn": ["[resourceId('Microsoft.Storage/storageAccounts/', 'cippbestorage')]"],
    }
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2018-07-01",
        "name": "cippbestorage",
        "location": "[resourceGroup().location]",
        "sku": {"name": "Standard_LRS"},
        "kind": "StorageV2",
        "resources": [child],
    }
    whole = template(
        account,
        parameters={"container": {"type": "string"}},
        outputs={
            "key": {"type": "securestring", "value": "[listKeys('cippbestorage', '2018-07-01').keys[0].value]"},
            "blob": {"type": "string", "value": "[reference('cippbestorage').primaryEndpoints.blob]"},
        },
    )
    shown = azure.deploy(whole, container="one")
    assert shown["outputs"]["key"] == {"type": "SecureString"}
    assert shown["outputs"]["blob"]["value"] == "https://cippbestorage.blob.core.windows.net/"
    containers = (
        f"{OWN_GROUP}/providers/Microsoft.Storage/storageAccounts/cippbestorage/blobServices/default/containers"
    )
    assert [one["name"] for one in azure.admin.call("GET", containers, "2023-05-01")["value"]] == ["one"]


def test_assignment_on_another_resource_names_it_in_its_scope(azure: Deployments) -> None:
    """As Microsoft's sample for Flex Consumption has it: a relative scope, and a role's ID below the group."""
    owner = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    account = {
        "type": "microsoft.storage/storageAccounts",
        "apiVersion": "2024-01-01",
        "name": "cippbestorage",
        "location": "westeurope",
        "sku": {"name": "Standard_LRS"},
        "kind": "StorageV2",
    }
    storage = "[resourceId('Microsoft.Storage/storageAccounts', 'cippbestorage')]"
    assignment = {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": "[guid(resourceId('Microsoft.Storage/storageAccounts', 'cippbestorage'), 'owner')]",
        "scope": "[concat('Microsoft.Storage/storageAccounts', '/', 'cippbestorage')]",
        "properties": {
            "roleDefinitionId": f"[resourceId('Microsoft.Authorization/roleDefinitions', '{owner}')]",
            "principalId": "[reference('id').principalId]",
            "principalType": "ServicePrincipal",
        },
        "dependsOn": [storage],
    }
    whole = template(account, identity("id"), assignment)
    assert azure.outputs(whole) == {}
    below = f"{OWN_GROUP}/providers/Microsoft.Storage/storageAccounts/cippbestorage"
    listed = azure.admin.call("GET", f"{below}/providers/Microsoft.Authorization/roleAssignments", ROLES_API)["value"]
    assert [one["properties"]["scope"].lower() for one in listed if owner in str(one)] == [below.lower()]
    assert set(azure.what_if(whole)) == {"NoChange"}


def test_nested_deployment_has_its_own_parameters_and_group(azure: Deployments) -> None:
    inner = template(
        workspace("nested", "[parameters('id')]"),
        parameters={"id": {"type": "string"}},
        outputs={"group": {"type": "string", "value": "[resourceGroup().name]"}},
    )
    nested = NESTED | {
        "resourceGroup": names.RESOURCE_GROUP,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"id": {"value": "[reference('id').principalId]"}},
            "template": inner,
        },
    }
    whole = template(
        identity("id"), nested, outputs={"g": {"type": "string", "value": "[reference('inner').outputs.group.value]"}}
    )
    assert azure.outputs(whole) == {"g": names.RESOURCE_GROUP}
    state = azure.sandbox.state()
    placed = state["resources"][f"{names.RESOURCE_GROUP_ID}/providers/{WORKSPACES}/nested"]
    assert (
        placed["properties"]["seen"]
        == state["resources"][f"{OWN_GROUP}/providers/{IDENTITIES}/id"]["properties"]["principalId"]
    )


def test_nested_deployment_is_checked_again_when_its_names_are_known(azure: Deployments, sandbox: Sandbox) -> None:
    """A name with a parameter that only the deployment knows is not checked before it begins."""
    lock = {
        "type": "Microsoft.Authorization/locks",
        "apiVersion": "2020-05-01",
        "name": "[parameters('id')]",
        "properties": {"level": "CanNotDelete"},
    }
    nested = NESTED | {
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"id": {"value": "[reference('id').clientId]"}},
            "template": template(lock, parameters={"id": {"type": "string"}}),
        },
    }
    azure.admin.take_roles()
    azure.admin.give_role("Contributor", OWN_GROUP)
    caller = Deployments(sandbox, token=Arm(sandbox).token(), group=OWN_GROUP)
    (detail,) = caller.deploy(template(identity("id"), nested))["error"]["details"]
    assert detail["code"] == "InvalidTemplateDeployment"
    assert "Microsoft.Authorization/locks/write" in detail["message"]
    azure.outputs(template(identity("id"), nested))
    assert len(sandbox.state()["locks"]) == 1


def test_nested_deployment_of_outer_scope_uses_the_outer_parameters(azure: Deployments) -> None:
    nested = NESTED | {
        "resourceGroup": names.RESOURCE_GROUP,
        "properties": {"mode": "Incremental", "template": template(workspace("nested", "[variables('x')]"))},
    }
    azure.outputs(template(nested, variables={"x": "[resourceGroup().name]"}))
    placed = azure.sandbox.state()["resources"][f"{names.RESOURCE_GROUP_ID}/providers/{WORKSPACES}/nested"]
    assert placed["properties"]["seen"] == "cipp-backend"


def test_nested_deployment_fails_the_outer_one_with_its_error(azure: Deployments) -> None:
    broken = template({"type": WORKSPACES, "apiVersion": "2023-09-01", "name": "x"})
    nested = NESTED | {"properties": {"mode": "Incremental", "template": broken}}
    error = azure.deploy(template(nested))["error"]
    assert error["details"][0]["code"] == "DeploymentFailed"
    assert error["details"][0]["details"][0]["code"] == "LocationRequired"
    assert set(azure.sandbox.state()["deployments"].values()) == {"Failed"}


def test_subscription_is_a_place_to_deploy_to(sandbox: Sandbox) -> None:
    sandbox.reset()
    azure = Deployments(sandbox, group=SUBSCRIPTION)
    inner = NESTED | {
        "resourceGroup": names.RESOURCE_GROUP,
        "properties": {"mode": "Incremental", "template": template(identity("id"))},
    }
    body = {"location": "westeurope", "properties": {"mode": "Incremental", "template": template(inner)}}
    assert azure.send("PUT", "test", body).status_code == 201
    assert azure.send("GET", "test").json()["properties"]["provisioningState"] == "Succeeded"
    assert list(sandbox.state()["resources"]) == [f"{names.RESOURCE_GROUP_ID}/providers/{IDENTITIES}/id"]


def test_deployment_is_accepted_then_shown_and_listed(azure: Deployments) -> None:
    whole = template(identity("id"), parameters={"password": {"type": "securestring"}, "n": {"type": "int"}})
    first = azure.put(whole, password="secret", n=1)
    assert (first.status_code, first.json()["properties"]["provisioningState"]) == (201, "Accepted")
    assert azure.put(whole, password="secret", n=1).status_code == 200
    shown = azure.send("GET", "test").json()
    assert shown["properties"]["parameters"] == {"password": {"type": "SecureString"}, "n": {"type": "Int", "value": 1}}
    assert shown["properties"]["outputResources"] == [{"id": f"{OWN_GROUP}/providers/{IDENTITIES}/id"}]
    listed = azure.admin.call("GET", f"{OWN_GROUP}/providers/Microsoft.Resources/deployments", "2025-04-01")["value"]
    assert listed == [shown]
    assert refusal(azure.send("GET", "other"))[:2] == (404, "DeploymentNotFound")


def test_reference_needs_the_permission_to_read(azure: Deployments, sandbox: Sandbox) -> None:
    azure.admin.take_roles()
    azure.admin.give_role("Contributor", OWN_GROUP)
    vault = (
        f"[reference(resourceId('{names.RESOURCE_GROUP}', 'Microsoft.KeyVault/vaults', '{names.VAULT}'), '2023-07-01')]"
    )
    caller = Deployments(sandbox, token=Arm(sandbox).token(), group=OWN_GROUP)
    ended = caller.deploy(template(workspace("one", vault)))
    assert "does not have authorization to perform action 'Microsoft.KeyVault/vaults/read'" in str(ended["error"])
    azure.admin.give_role("Reader", names.RESOURCE_GROUP_ID)
    caller.outputs(template(workspace("one", vault)))
    assert seen(azure, "one")["vaultUri"] == f"https://{names.VAULT}.vault.azure.net/"


def test_deployment_succeeds_when_it_is_repeated_after_the_lag_of_roles(sandbox: Sandbox) -> None:
    sandbox.reset(role_lag_seconds=60)
    azure = Deployments(sandbox, group=OWN_GROUP)
    azure.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})
    given = GIVEN | {"packageUri": ""}
    (failed,) = azure.deploy(FLEX_APP, **given)["error"]["details"]
    assert failed["details"][0]["code"] == "RoleDefinitionDoesNotExist"
    sandbox.advance(61)
    azure.outputs(FLEX_APP, **given)


def test_deployment_is_refused_while_one_of_its_name_is_active(sandbox: Sandbox) -> None:
    sandbox.reset(deployment_seconds=60)
    azure = Deployments(sandbox, group=OWN_GROUP)
    azure.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})
    inner = NESTED | {"properties": {"mode": "Incremental", "template": template()}}
    assert azure.put(template(inner), "outer").json()["properties"]["provisioningState"] == "Accepted"
    shown = azure.send("GET", "outer").json()["properties"]
    assert shown["provisioningState"] == "Running"
    assert "outputs" not in shown
    assert refusal(azure.put(template(), "outer"))[:2] == (409, "DeploymentActive")
    assert azure.validate(template(), "outer").ok
    azure.put(template(inner), "another")
    sandbox.advance(61)
    another = azure.send("GET", "another").json()["properties"]
    assert "DeploymentActive" in str(another["error"])
    assert azure.put(template(), "outer").status_code == 200
