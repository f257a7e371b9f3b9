"""The discovery of the deployment, as the links show it: found, cached, refused or timed out."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox import names
from tests.installation.test_links import KEYS, LINKS
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox.arm import STATIC_SITE, Arm
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
PATIENCE_SECONDS = 20.0
SHORT = {"AZURE_READ_TIMEOUT_SECONDS": "0.2", "AZURE_DEADLINE_SECONDS": "0.2", "DISCOVERY_TIMEOUT_SECONDS": "0.1"}


def when_every_look_has_ended() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("discover"):
            thread.join(20)


def warned(results: Mapping[str, Any], word: str) -> bool:
    return any(word in warning for warning in results["Warnings"])


def test_names_that_azure_confirms_have_no_warnings(api: Api) -> None:
    results = api.get("ExecBackendURLs").results
    assert set(results) == KEYS
    assert results["Warnings"] == []
    group = f"https://portal.azure.com/#@{names.TENANT_ID}/resource{names.RESOURCE_GROUP_ID}"
    assert results["KeyVault"] == f"{group}/providers/Microsoft.KeyVault/vaults/cippabc12/secrets"
    assert results["SWARoles"] == f"{group}/providers/Microsoft.Web/staticSites/cipp-swa-abc12/roleManagement"


def link_to(azure: Sandbox, site: str) -> None:
    """Make a site the only backend of the seeded static web app."""
    arm = Arm(azure)
    assert arm.call("DELETE", f"{STATIC_SITE}/linkedBackends/{names.MAIN_SITE}").status_code == 204
    backend_id = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{site}".upper()
    body = {"properties": {"backendResourceId": backend_id, "region": "westeurope"}}
    assert arm.call("PUT", f"{STATIC_SITE}/linkedBackends/{site}", body).status_code == 200


def test_linked_static_web_app_is_used_with_any_name(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    link_to(azure, "cippabc12-backend")
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    nowhere.setenv("CIPP_KV_NAME", "cippabc12")
    results = Api().get("ExecBackendURLs").results
    assert results["SWAName"] == "cipp-swa-abc12"
    assert results["Warnings"] == []


def test_missing_static_web_app_is_a_warning_and_links_the_group(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    del azure
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    nowhere.setenv("CIPP_KV_NAME", "cippabc12")
    results = Api().get("ExecBackendURLs").results
    assert results["SWAName"] is None
    assert results["SWARoles"] == results["ResourceGroup"]
    assert warned(results, phrases.NO_LINKED_STATIC_WEB_APP)


def test_vault_in_another_group_is_linked(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    del azure
    nowhere.setenv("CIPP_RESOURCE_GROUP", "elsewhere")
    results = Api().get("ExecBackendURLs").results
    assert "/resourceGroups/cipp/providers/Microsoft.KeyVault/vaults/cippabc12/secrets" in results["KeyVault"]
    assert "/resourceGroups/elsewhere/" in results["FunctionApp"]


@pytest.mark.parametrize(
    ("setting", "value"), [("CIPP_FUNCTION_APP", "nosuchapp99"), ("CIPP_KV_NAME", "no-such-vault")]
)
def test_name_that_azure_does_not_show_is_a_warning_with_its_setting(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    del azure
    nowhere.setenv(setting, value)
    results = Api().get("ExecBackendURLs").results
    assert any(setting in warning and value in warning for warning in results["Warnings"])


def test_app_without_the_setting_of_the_main_app_has_a_warning(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    del azure
    nowhere.delenv("CIPP_FUNCTION_APP")
    results = Api().get("ExecBackendURLs").results
    assert results["FunctionName"] == "cippabc12-backend"
    assert warned(results, "CIPP_FUNCTION_APP")


def test_links_claim_no_shape_when_the_identity_lacks_reader(azure: Sandbox) -> None:
    azure.faults([{"host": ARM, "mode": "refuse", "status": 403, "times": 0}])
    results = Api().get("ExecBackendURLs").results
    assert results["SWAName"] is None
    assert results["FunctionName"] == "cippabc12"
    assert warned(results, "403")
    assert not warned(results, phrases.DERIVED_NAMES)


def test_missing_permission_is_named_with_the_command_that_grants_it(
    azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    del azure
    nowhere.setenv("CIPP_RESOURCE_GROUP", "elsewhere")
    warnings = " ".join(Api().get("ExecBackendURLs").results["Warnings"])
    assert "Missing: Microsoft.Web/sites/read" in warnings
    assert f"az role assignment create --assignee-object-id {names.BACKEND_PRINCIPAL_ID}" in warnings
    assert '--role "Reader"' in warnings


@pytest.mark.compares_times
@pytest.mark.parametrize("fault", [{"host": ARM}, {"path": "/msi/token"}], ids=["ARM", "the identity"])
def test_links_are_returned_within_3_seconds_when_azure_times_out(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "3")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "3")
    azure.faults([{**fault, "mode": "hang", "times": 0}])
    api = Api()
    started = time.monotonic()
    answer = api.get("ExecBackendURLs")
    assert time.monotonic() - started < 3
    assert answer.status == 200
    assert warned(answer.results, "within 2.5 seconds")
    when_every_look_has_ended()


@pytest.mark.parametrize(
    "fault",
    [
        {"host": ARM, "mode": "refuse", "status": 403},
        {"host": ARM, "mode": "refuse", "status": 500},
        {"host": ARM, "mode": "refuse", "status": 429, "retry_after": 2700},
        {"host": ARM, "mode": "drop-after"},
        {"host": ARM, "mode": "hang"},
        {"path": "/msi/token", "mode": "refuse", "status": 400},
        {"path": "/msi/token", "mode": "refuse", "status": 500},
        {"path": "/msi/token", "mode": "refuse", "status": 429, "retry_after": 2700},
        {"path": "/msi/token", "mode": "drop-after"},
        {"path": "/msi/token", "mode": "hang"},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
def test_failed_discovery_is_reported_and_not_cached(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    for name, value in SHORT.items():
        nowhere.setenv(name, value)
    azure.faults([{**fault, "times": 0}])
    api = Api()
    assert api.get("ExecBackendURLs").results["Warnings"] != []
    when_every_look_has_ended()
    azure.faults([])
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while warnings := api.get("ExecBackendURLs").results["Warnings"]:  # on a busy machine, a look may fail in 0.2 s
        assert time.monotonic() < give_up_at, warnings
        when_every_look_has_ended()


def test_complete_discovery_is_cached_without_further_calls(api: Api, azure: Sandbox) -> None:
    first = api.get("ExecBackendURLs").results
    call_count = len(azure.calls())
    assert call_count > 0
    assert [api.get("ExecBackendURLs").results for _ in range(20)] == [first] * 20
    assert len(azure.calls()) == call_count


def test_concurrent_callers_share_one_discovery(api: Api, azure: Sandbox) -> None:
    answers: list[int] = []
    callers = [threading.Thread(target=lambda: answers.append(api.get("ExecBackendURLs").status)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == [200] * 8
    assert len([call for call in azure.calls(ARM) if call["path"].endswith("/sites/cippabc12")]) == 1


def test_old_discovery_is_returned_while_a_new_one_fails(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("DISCOVERY_LIFETIME_SECONDS", "0")
    api = Api()
    first = api.get("ExecBackendURLs").results
    azure.faults([{"host": ARM, "mode": "refuse", "status": 400, "times": 0}])
    assert api.get("ExecBackendURLs").results == first
    when_every_look_has_ended()
    assert api.get("ExecBackendURLs").results == first
    when_every_look_has_ended()


@pytest.mark.parametrize(
    ("cloud", "host", "portal"),
    [
        ("usgov", "management.usgovcloudapi.net", "https://portal.azure.us/"),
        ("china", "management.chinacloudapi.cn", "https://portal.azure.cn/"),
    ],
)
def test_sovereign_cloud_is_called_at_its_own_addresses(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, cloud: str, host: str, portal: str
) -> None:
    nowhere.setenv("CIPP_CLOUD", cloud)
    results = Api().get("ExecBackendURLs").results
    assert results["Warnings"] == []
    assert all(results[key].startswith(portal) for key in (*LINKS, "CloudShell"))
    assert {call["host"] for call in azure.calls() if call["url"].startswith("https")} == {host}
