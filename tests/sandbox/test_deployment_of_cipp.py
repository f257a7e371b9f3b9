"""A deployment of an installation like CIPP's: the resources and the language that CIPP's own templates use.

The templates here are this project's own, because CIPP's have another license. `tests/conformance/public_templates.py`
deploys the originals.
"""

import copy
from typing import Any

import pytest

from sandbox import names
from tests.conformance.public_templates import GROUP, failures, values
from tests.support.admin import ARM, Admin
from tests.support.sandbox.deployments import Deployments, refusal, template
from tests.support.sandbox_client import Sandbox

BASE = {"baseName": {"type": "string", "defaultValue": "Msp"}}
NAMES = {
    "end": "[substring(toLower(uniqueString(resourceGroup().id, resourceGroup().location)),0,5)]",
    "app": "[toLower(concat(parameters('baseName'), variables('end')))]",
    "storage": "[tolower(concat(substring(parameters('baseName'), 0, min(length(parameters('baseName')),16)), 'st', "
    "variables('end')))]",
    "page": "[concat(variables('app'), '-swa')]",
}
HERE = "[resourceGroup().location]"
IDENTITY = "[reference(resourceId('Microsoft.Web/sites', variables('app')), '2019-08-01', 'full').identity.principalId]"
KEY = "[concat('AccountKey=', listKeys(variables('storage'), '2015-05-01-preview').key1)]"
NEW_KEY = (
    "[format('AccountKey={0};EndpointSuffix={1}', listKeys(resourceId('Microsoft.Storage/storageAccounts', "
    "variables('storage')), '2024-01-01').keys[0].value, environment().suffixes.storage)]"
)
ON_SITE = ["[resourceId('Microsoft.Web/sites/', variables('app'))]"]  # CIPP's template has this slash
ON_STORAGE = ["[resourceId('Microsoft.Storage/storageAccounts', variables('storage'))]"]
ON_VAULT = ["[resourceId('Microsoft.KeyVault/vaults', variables('app'))]"]
Json = dict[str, Any]


def one(of_type: str, version: str, name: str, properties: object = None, **more: object) -> Json:
    given = {} if properties is None else {"properties": properties}
    return {"type": of_type, "apiVersion": version, "name": name, **given, **more}


def storage(**more: object) -> Json:
    kind = "Microsoft.Storage/storageAccounts"
    return one(kind, "2018-07-01", "[variables('storage')]", location=HERE, sku={"name": "Standard_LRS"}, **more)


def plan(sku: str, *, reserved: bool) -> Json:
    kind = "Microsoft.Web/serverfarms"
    return one(kind, "2022-09-01", "[variables('app')]", {"reserved": reserved}, location=HERE, sku={"name": sku})


def site(kind: str, settings: list[Json], **more: object) -> Json:
    server = "[resourceId('Microsoft.Web/serverfarms', variables('app'))]"
    properties = {"serverFarmId": server, "siteConfig": {"appSettings": settings}}
    more |= {"location": HERE, "identity": {"type": "SystemAssigned"}, "dependsOn": [server, *ON_STORAGE]}
    return one("Microsoft.Web/sites", "2022-09-01", "[variables('app')]", properties, kind=kind, **more)


def vault(**more: object) -> Json:
    policy = {"tenantId": "[subscription().tenantid]", "objectId": IDENTITY, "permissions": {"secrets": ["all"]}}
    properties = {
        "sku": {"family": "A", "name": "standard"},
        "tenantId": "[subscription().tenantid]",
        "accessPolicies": [policy],
        "enabledForDeployment": True,
    }
    more |= {"location": HERE, "dependsOn": ON_SITE}
    return one("Microsoft.KeyVault/vaults", "2016-10-01", "[variables('app')]", properties, **more)


def functions() -> Json:
    """Return a template of function apps with a static web app, a vault and its secrets as children."""
    secret = {"contentType": "text/plain", "value": "NotYet"}
    child = one("secrets", "2015-06-01", "refreshtoken", secret, dependsOn=ON_VAULT)
    link = {
        "functionAppResourceId": "[resourceId('Microsoft.Web/sites/', variables('app'))]",
        "functionAppRegion": HERE,
    }
    page = {"repositoryUrl": "https://github.com/contosomsp/CIPP", "branch": "main", "repositoryToken": "x"}
    package = {"packageUri": "https://example.org/latest.zip"}
    return template(
        vault(resources=[child]),
        site("functionapp", [{"name": "AzureWebJobsStorage", "value": KEY}]),
        one(
            "Microsoft.Web/sites/extensions",
            "2021-02-01",
            "[concat(variables('app'), '/ZipDeploy')]",
            package,
            dependsOn=ON_SITE,
        ),
        storage(kind="Storage"),
        plan("Y1", reserved=False),
        one(
            "Microsoft.Web/staticSites",
            "2021-01-15",
            "[variables('page')]",
            page,
            location="centralus",
            sku={"name": "Standard", "tier": "Standard"},
        ),
        one(
            "Microsoft.Web/staticSites/userProvidedFunctionApps",
            "2020-12-01",
            "[concat(variables('page'), '/', variables('page'))]",
            link,
            dependsOn=["[resourceId('Microsoft.Web/staticSites', variables('page'))]", *ON_SITE],
        ),
        parameters=BASE,
        variables=NAMES,
        outputs={},
    )


def container() -> Json:
    """Return a template of a container with a vault, secrets with a condition, and tags of the group."""
    secret = one(
        "Microsoft.KeyVault/vaults/secrets",
        "2022-07-01",
        "[format('{0}/{1}', variables('app'), 'refreshtoken')]",
        {"contentType": "text/plain", "value": "NotYet"},
        condition="[parameters('withSecrets')]",
        dependsOn=ON_VAULT,
    )
    smb = {"protocolSettings": {"smb": {"versions": "SMB3.1.1"}}}
    return template(
        storage(kind="StorageV2"),
        one(
            "Microsoft.Storage/storageAccounts/fileServices",
            "2024-01-01",
            "[format('{0}/default', variables('storage'))]",
            smb,
            dependsOn=ON_STORAGE,
        ),
        plan("B2", reserved=True),
        site("app,linux,container", [{"name": "AzureWebJobsStorage", "value": NEW_KEY}]),
        vault(),
        secret,
        one("Microsoft.Resources/tags", "2022-09-01", "default", {"tags": {"Linux": "true"}}),
        parameters={**BASE, "withSecrets": {"type": "bool", "defaultValue": True}},
        variables=NAMES,
        outputs={"vault": {"type": "string", "value": "[variables('app')]"}},
    )


# What published templates use: the functions of the language, and each type of resource with its API versions. They are
# AzureDeploymentTemplate.json and AzureDeploymentTemplate_regionoptions.json of CIPP, in older and newer versions, and
# IaC/armtemplate of Azure-Samples/azure-functions-flex-consumption-samples.
PUBLISHED_FUNCTIONS = {
    *("concat", "format", "guid", "length", "listKeys", "min", "parameters", "reference", "resourceGroup"),
    *("resourceId", "subscription", "substring", "take", "toLower", "uniqueString", "variables"),
}
PUBLISHED_TYPES = {
    "Microsoft.Authorization/roleAssignments": ("2022-04-01",),
    "Microsoft.Insights/components": ("2020-02-02",),
    "Microsoft.KeyVault/vaults": ("2016-10-01",),
    "Microsoft.KeyVault/vaults/secrets": ("2015-06-01",),
    "Microsoft.OperationalInsights/workspaces": ("2025-02-01",),
    "Microsoft.Storage/storageAccounts": ("2018-07-01", "2024-01-01"),
    "Microsoft.Storage/storageAccounts/blobServices": ("2024-01-01",),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("2024-01-01",),
    "Microsoft.Web/serverfarms": ("2018-02-01", "2024-04-01"),
    "Microsoft.Web/sites": ("2015-08-01", "2024-04-01"),
    "Microsoft.Web/sites/extensions": ("2021-02-01",),
    "Microsoft.Web/sites/sourcecontrols": ("2015-08-01",),
    "Microsoft.Web/staticSites": ("2021-01-15",),
    "Microsoft.Web/staticSites/userProvidedFunctionApps": ("2020-12-01",),
}
PUBLISHED_NAMES = {
    "Microsoft.Authorization/roleAssignments": "[guid('x')]",
    "Microsoft.Storage/storageAccounts/blobServices": "msp12/default",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "msp12/default/packages",
    "Microsoft.Web/sites/extensions": "msp12/ZipDeploy",
    "Microsoft.Web/sites/sourcecontrols": "msp12/web",
}


def test_sandbox_knows_each_function_of_published_templates(sandbox: Sandbox) -> None:
    """Called without arguments, a known function returns a value or names the arguments that it needs."""
    deployments = Deployments(sandbox)
    unknown = []
    for name in [*PUBLISHED_FUNCTIONS, "noSuchFunction"]:
        whole = template(outputs={"x": {"type": "object", "value": {"x": f"[{name}()]"}}})
        if "The template function" in deployments.put(whole).text:
            unknown.append(name)
    assert unknown == ["noSuchFunction"]


@pytest.mark.parametrize("kind", PUBLISHED_TYPES)
@pytest.mark.every_case("each is another type, and takes 30 ms")
def test_sandbox_deploys_each_type_and_version_of_published_templates(sandbox: Sandbox, kind: str) -> None:
    """What is wrong with a resource that has no properties does not matter here."""
    deployments = Deployments(sandbox)
    name = PUBLISHED_NAMES.get(kind, "/".join(["msp12"] * kind.count("/")))
    for version in PUBLISHED_TYPES[kind]:
        response = deployments.validate(template(one(kind, version, name, {}, location="westeurope")))
        assert response.ok, response.text


@pytest.mark.parametrize("whole", [functions(), container()], ids=["functions", "container"])
@pytest.mark.every_case("each is another shape of CIPP")
def test_installation_of_each_shape_is_deployed_and_then_complete(sandbox: Sandbox, whole: Json) -> None:
    assert list(failures(sandbox, whole)) == []


@pytest.fixture
def azure(sandbox: Sandbox) -> Deployments:
    sandbox.reset(propagation_seconds=0)
    azure = Deployments(sandbox, group=GROUP)
    azure.admin.call("PUT", GROUP, "2022-09-01", {"location": "westeurope", "tags": {"old": "x"}})
    return azure


def app_of(azure: Deployments) -> str:
    listed = azure.admin.call("GET", f"{GROUP}/providers/Microsoft.Web/sites", "2022-09-01")["value"]
    return str(listed[0]["name"])


def test_function_apps_get_their_storage_key_package_and_backend(azure: Deployments) -> None:
    azure.outputs(functions())
    app = app_of(azure)
    deployed = azure.sandbox.state()["sites"][app]
    keys = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{app[:3]}st{app[3:]}/listKeys"
    by_name = azure.admin.call("POST", keys, "2024-01-01")["keys"]
    assert azure.admin.call("POST", keys, "2015-05-01-preview") == {key["keyName"]: key["value"] for key in by_name}
    assert deployed["appSettings"]["AzureWebJobsStorage"] == f"AccountKey={by_name[0]['value']}"
    assert deployed["package"] == {"packageUri": "https://example.org/latest.zip"}
    page = azure.admin.call("GET", f"{GROUP}/providers/Microsoft.Web/staticSites/{app}-swa", "2022-09-01")["properties"]
    (backend,) = page["userProvidedFunctionApps"]
    assert backend["functionAppResourceId"].lower() == f"{GROUP}/providers/Microsoft.Web/sites/{app}".lower()
    assert (page["repositoryUrl"], page["branch"]) == ("https://github.com/contosomsp/CIPP", "main")


def versions(azure: Deployments, vault: str) -> list[Json]:
    found: list[Json] = azure.sandbox.state()["vaults"][vault]["secrets"]["refreshtoken"]
    return found


def test_new_vault_serves_its_secrets_to_the_app_alone(azure: Deployments) -> None:
    azure.outputs(container())
    app = app_of(azure)
    shown = azure.admin.call("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/{app}", "2023-07-01")["properties"]
    (policy,) = shown["accessPolicies"]
    site = azure.admin.call("GET", f"{GROUP}/providers/Microsoft.Web/sites/{app}", "2022-09-01")
    assert policy["objectId"] == site["identity"]["principalId"]
    assert policy["permissions"]["secrets"] == ["all"]
    (version,) = versions(azure, app)
    assert (version["value"], version["contentType"]) == ("NotYet", "text/plain")
    secret = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{app}/secrets/refreshtoken"
    assert "NotYet" not in str(azure.admin.call("GET", secret, "2023-07-01"))


def test_secrets_stay_if_their_condition_is_false(azure: Deployments) -> None:
    azure.outputs(container())
    azure.outputs(container(), withSecrets=False)
    assert len(versions(azure, app_of(azure))) == 1
    azure.outputs(container())
    assert len(versions(azure, app_of(azure))) == 2


def test_tags_resource_replaces_the_tags_of_the_group(azure: Deployments) -> None:
    azure.outputs(container())
    assert azure.admin.call("GET", GROUP, "2022-09-01")["tags"] == {"Linux": "true"}


def test_file_service_keeps_what_the_template_wrote(azure: Deployments) -> None:
    azure.outputs(container())
    app = app_of(azure)
    files = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{app[:3]}st{app[3:]}/fileServices/default"
    shown = azure.admin.call("GET", files, "2024-01-01")
    assert shown["properties"] == {"protocolSettings": {"smb": {"versions": "SMB3.1.1"}}}


def without(whole: Json, kind: str) -> Json:
    changed = copy.deepcopy(whole)
    changed["resources"] = [resource for resource in whole["resources"] if resource["type"] != kind]
    return changed


def test_vault_name_and_location_are_checked(azure: Deployments) -> None:
    vaults = f"{GROUP}/providers/Microsoft.KeyVault/vaults"
    properties = {"sku": {"name": "standard"}, "tenantId": names.TENANT_ID, "accessPolicies": []}
    body = {"location": "westeurope", "properties": properties}
    for name, given, code in (
        ("1a-b", body, "VaultNameNotValid"),
        ("a--b", body, "VaultNameNotValid"),
        ("a" * 25, body, "VaultNameNotValid"),
        ("new", {"properties": properties}, "BadRequest"),
        ("new", {"location": "westeurope", "properties": {"tenantId": "x", "accessPolicies": []}}, "BadRequest"),
        ("new", {**body, "properties": {**properties, "accessPolicies": 7}}, "BadRequest"),
        (names.VAULT, body, "VaultAlreadyExists"),
    ):
        response = put(azure.admin, f"{vaults}/{name}", given)
        assert (response[0], response[1]) in {(400, code), (409, code)}, name
    assert set(azure.sandbox.state()["vaults"]) == {names.VAULT}


def put(admin: Admin, path: str, body: Json) -> tuple[int, str, str]:
    return refusal(admin.web.put(f"{ARM}{path}?api-version=2023-07-01", json=body))


def test_secret_without_a_value_is_refused(azure: Deployments) -> None:
    secret = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}/secrets/x"
    assert put(azure.admin, secret, {"properties": {"contentType": "x"}})[:2] == (400, "BadParameter")


def test_static_web_app_has_one_provided_function_app(azure: Deployments) -> None:
    page = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/staticSites/{names.STATIC_SITE}"
    app = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{names.MAIN_SITE}"
    for name, linked in (("other", app), (names.STATIC_SITE, f"{app}-none")):
        body = {"properties": {"functionAppResourceId": linked, "functionAppRegion": "West Europe"}}
        address = f"{ARM}{page}/userProvidedFunctionApps/{name}?api-version=2022-09-01"
        assert azure.admin.web.put(address, json=body).status_code == 400


def test_zip_deployment_is_refused_on_flex_consumption(azure: Deployments) -> None:
    whole = functions()
    for resource in whole["resources"]:
        if resource["type"] == "Microsoft.Web/serverfarms":
            resource.update(sku={"name": "FC1", "tier": "FlexConsumption"}, properties={"reserved": True})
    ended = azure.deploy(without(whole, "Microsoft.Web/staticSites/userProvidedFunctionApps"))
    assert ended["provisioningState"] == "Failed"
    assert "FlexConsumption does not support ZipDeploy" in str(ended["error"])


def test_program_names_what_azure_refuses(sandbox: Sandbox) -> None:
    wrong = functions()
    wrong["resources"][0]["dependsOn"] = ["[resourceId('Microsoft.Web/sites', 'other')]"]
    (why,) = failures(sandbox, wrong)
    assert "is not defined in the template" in why
    incomplete = without(functions(), "Microsoft.Web/serverfarms")
    incomplete["resources"][1].pop("dependsOn")
    assert [why.partition(":")[0] for why in failures(sandbox, incomplete)] == ["deployment"]


def test_program_gives_each_parameter_without_a_default_a_value() -> None:
    kinds = {"storageAccountName": "String", "count": "int", "flag": "bool", "list": "array", "more": "object"}
    given = {name: {"type": kind} for name, kind in kinds.items()}
    assert values(template(parameters={**given, "known": {"type": "string", "defaultValue": ""}})) == {
        "storageAccountName": "storageaccountnamex1",
        "count": 1,
        "flag": False,
        "list": [],
        "more": {},
    }
