import pytest
from azure.core.exceptions import HttpResponseError

from sandbox import names
from tests.support.sandbox.arm import GROUP, SUBSCRIPTION, Arm
from tests.support.sandbox_client import Sandbox

NAME = names.RESOURCE_GROUP


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset()
    return Arm(sandbox)


def test_group_can_be_read_and_checked(arm: Arm) -> None:
    client = arm.resource_client()
    assert client.resource_groups.get("CIPP").location == "westeurope"
    assert [g.name for g in client.resource_groups.list()] == [NAME]
    answer = arm.call("HEAD", GROUP, version="2022-09-01")
    assert (answer.status_code, answer.content) == (204, b"")


def test_resources_of_the_group_are_listed_filtered_and_expanded(arm: Arm) -> None:
    resources = arm.resource_client().resources
    everything = {r.type for r in resources.list()}
    assert everything == {
        "Microsoft.KeyVault/vaults",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Web/serverfarms",
        "Microsoft.Web/sites",
        "Microsoft.Web/staticSites",
    }
    sites = list(resources.list_by_resource_group(NAME, filter="resourceType eq 'microsoft.web/SITES'"))
    assert {s.name for s in sites} == {names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE}
    assert all(s.location == "westeurope" and s.created_time is None for s in sites)
    both = f"resourceType eq 'Microsoft.Web/sites' and name eq '{names.MAIN_SITE}'"
    assert [s.name for s in resources.list(filter=both)] == [names.MAIN_SITE]
    (first,) = resources.list_by_resource_group(NAME, top=1, expand="createdTime,changedTime,provisioningState")
    assert first.provisioning_state == "Succeeded"
    assert first.created_time is not None
    with pytest.raises(HttpResponseError, match=r"Invalid \$filter"):
        list(resources.list(filter="colour eq 'red'"))


def test_every_resource_can_be_read_by_its_id(arm: Arm) -> None:
    resources = arm.resource_client().resources
    versions = {"Microsoft.KeyVault": "2023-07-01", "Microsoft.Storage": "2023-05-01", "Microsoft.Web": "2025-05-01"}
    for resource in resources.list():
        read = resources.get_by_id(resource.id, api_version=versions[resource.type.partition("/")[0]])
        assert (read.id, read.type) == (resource.id, resource.type)


def test_tenants_locations_providers_and_deployments_are_listed(arm: Arm) -> None:
    (tenant,) = arm.get("/tenants", version="2022-12-01")["value"]
    assert tenant["tenantId"] == names.TENANT_ID
    assert arm.get(f"{SUBSCRIPTION}/locations", version="2022-12-01")["value"][0]["name"] == "westeurope"
    providers = {p.namespace: p for p in arm.resource_client().providers.list()}
    assert "Microsoft.Web" in providers
    assert arm.resource_client().providers.get("microsoft.web").registration_state == "Registered"
    deployments = f"{GROUP}/providers/Microsoft.Resources/deployments"
    assert arm.get(deployments, version="2025-04-01") == {"value": []}


def test_storage_account_keys_are_those_in_the_apps_settings(arm: Arm, sandbox: Sandbox) -> None:
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{names.STORAGE_ACCOUNT}"
    keys = arm.call("POST", f"{path}/listKeys", version="2023-05-01").json()["keys"]
    connection = sandbox.state()["sites"][names.MAIN_SITE]["appSettings"]["AzureWebJobsStorage"]
    assert keys[0]["value"] in connection
    endpoints = arm.get(path, version="2023-05-01")["properties"]["primaryEndpoints"]
    assert endpoints["table"] == f"https://{names.STORAGE_ACCOUNT}.table.core.windows.net/"
