"""The resource group and its resources."""

from datetime import datetime

import pytest

from sandbox import names
from tests.support.api import Api
from tests.support.page_troubles import (
    REFUSALS,
    SILENCES,
    EndpointCall,
    assert_refusal_is_reported,
    assert_timeout_is_reported,
    cases,
)
from tests.support.sandbox.arm import GROUP, Arm
from tests.support.sandbox_client import Sandbox

PORTAL = f"https://portal.azure.com/#@{names.TENANT_ID}/resource"
CALLS = cases(
    EndpointCall("ListBackendResources", "GET", "/resourcegroups/cipp$"),
    EndpointCall("ListBackendResources", "GET", "/resourcegroups/cipp/resources$"),
)


def test_group_is_returned_with_its_tags_and_link(api: Api, azure: Sandbox) -> None:
    assert Arm(azure).get(GROUP, version="2022-09-01")["tags"].keys() == {"product", "hidden-title"}
    assert api.get("ListBackendResources").results["ResourceGroup"] == {
        "Name": "cipp",
        "Location": "westeurope",
        "Tags": {"product": "CIPP"},
        "Link": f"{PORTAL}{names.RESOURCE_GROUP_ID}/overview",
    }


def test_resources_are_sorted_by_type_and_name_with_times_in_utc(api: Api) -> None:
    resources = api.get("ListBackendResources").results["Resources"]
    assert [(resource["Type"], resource["Name"]) for resource in resources] == [
        ("Microsoft.KeyVault/vaults", "cippabc12"),
        ("Microsoft.Storage/storageAccounts", "cippstgabc12"),
        ("Microsoft.Web/serverfarms", "cipp-srv-abc12"),
        ("Microsoft.Web/serverfarms", "cippabc12-backend-plan"),
        ("Microsoft.Web/sites", "cippabc12"),
        ("Microsoft.Web/sites", "cippabc12-backend"),
        ("Microsoft.Web/sites", "cippabc12-proc"),
        ("Microsoft.Web/staticSites", "cipp-swa-abc12"),
    ]
    (main,) = [one for one in resources if one["Name"] == "cippabc12" and one["Type"].endswith("/sites")]
    assert (main["Kind"], main["State"], main["Location"]) == ("functionapp", "Succeeded", "westeurope")
    assert main["Link"].startswith(f"{PORTAL}{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/cippabc12/")
    for resource in resources:
        assert set(resource) == {"Name", "Type", "Kind", "Location", "State", "Created", "Changed", "Tags", "Link"}
        for moment in (resource["Created"], resource["Changed"]):
            assert moment.endswith("Z")
            assert datetime.fromisoformat(moment).microsecond == 0


@pytest.mark.parametrize("name", ["hidden-link: /app-insights-conn-string", "HIDDEN-title", " hidden-related:/x"])
def test_hidden_tag_is_omitted_and_all_others_are_returned(api: Api, azure: Sandbox, name: str) -> None:
    tags = {name: "InstrumentationKey=PLANTED", "product": "CIPP", "not-hidden-": "shown"}
    assert Arm(azure).call("PATCH", names.BACKEND_SITE_ID, {"tags": tags}).ok
    answer = api.get("ListBackendResources")
    assert {"product": "CIPP", "not-hidden-": "shown"} in [one["Tags"] for one in answer.results["Resources"]]
    assert "PLANTED" not in answer.text


def test_resource_group_needs_only_two_calls_to_azure(api: Api, azure: Sandbox) -> None:
    api.get("ListBackendResources")
    assert len(azure.calls("management.azure.com")) == 2


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
