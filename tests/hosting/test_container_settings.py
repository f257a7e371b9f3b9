"""The settings of CIPP's container. A write restarts it, so it may be an update."""

from typing import Any

import pytest

from tests.hosting.test_container_apps import SITE, container, moved
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

__all__ = ("container", "moved")  # fixtures
NEW = {"Set": {"CIPP_EXAMPLE": "1"}}


def settings_of(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.state()["sites"][SITE]["appSettings"]
    return found


def test_write_without_an_update_keeps_every_other_setting(container: Sandbox) -> None:
    before = settings_of(container)
    answer = Api().post("ExecFunctionAppSettings", NEW)
    assert answer.status == 200
    assert f"{phrases.PHASE_IS} Ready" in " ".join(answer.results["Done"])
    assert settings_of(container) == before | {"CIPP_EXAMPLE": "1"}


def test_write_that_may_update_needs_the_consent(moved: Sandbox) -> None:
    before = settings_of(moved)
    refused = Api().post("ExecFunctionAppSettings", NEW)
    assert refused.status == 409
    assert 'Update: "10.8.6"' in refused.results
    assert settings_of(moved) == before
    assert Api().post("ExecFunctionAppSettings", NEW | {"Update": "10.8.6"}).status == 200
    assert moved.state()["cipp"][0]["version"] == "10.8.6"


@pytest.mark.usefixtures("moved")
def test_dry_run_shows_the_image_that_the_write_pulls() -> None:
    would_do = Api().post("ExecFunctionAppSettings", NEW | {"DryRun": True}).results["WouldDo"]
    assert would_do[0].startswith("Refuse: ")
    assert "ghcr.io/cyberdrain/cipp:latest" in " ".join(would_do)


def test_write_without_a_change_is_not_a_start(moved: Sandbox) -> None:
    name, value = "WEBSITE_RESOURCE_GROUP", settings_of(moved)["WEBSITE_RESOURCE_GROUP"]
    refused = Api().post("ExecFunctionAppSettings", {"Set": {name: value}})
    assert refused.status == 409  # it is vital
    assert Api().post("ExecFunctionAppSettings", {"Set": {name: value}, "Force": True}).status == 200
    assert moved.state()["cipp"][0]["version"] == "10.8.5"


@pytest.mark.parametrize(
    "name",
    ["AzureWebJobsStorage", "auth_secret", "WEBSITES_PORT", "DOCKER_ENABLE_CI", "App__Auth__X", "CRAFT_SERVE_X"],
)
def test_vital_setting_needs_force(container: Sandbox, name: str) -> None:
    refused = Api().post("ExecFunctionAppSettings", {"Set": {name: "x"}})
    assert refused.status == 409
    assert phrases.MAY_NOT_START in refused.results
    assert "x" not in settings_of(container).values()


@pytest.mark.parametrize("name", ["WEBSITE_AUTH_AAD_ALLOWED_TENANTS", "website_auth_enabled", "IDENTITY_ENDPOINT"])
def test_setting_of_the_platform_is_never_changed(container: Sandbox, name: str) -> None:
    before = settings_of(container)
    assert Api().post("ExecFunctionAppSettings", {"Set": {name: "x"}, "Force": True}).status == 400
    assert settings_of(container) == before


def test_scope_of_clients_may_be_corrected(container: Sandbox) -> None:
    name, value = "WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES", "api://3f2a/user_impersonation"
    assert Api().post("ExecFunctionAppSettings", {"Set": {name: value}}).status == 200
    assert settings_of(container)[name] == value


def test_reference_is_shown_with_its_state(container: Sandbox) -> None:
    del container
    settings_by_name = {setting["Name"]: setting for setting in Api().get("ListFunctionAppSettings").results}
    assert settings_by_name["AUTH_SECRET"]["KeyVaultReference"].startswith("@Microsoft.KeyVault(VaultName=")
    assert settings_by_name["AUTH_SECRET"]["ReferenceStatus"] == "Resolved"
    assert settings_by_name["AUTH_SECRET"]["Masked"] is False
    assert settings_by_name["AzureWebJobsStorage"]["Masked"] is True


def test_writes_count_as_starts(container: Sandbox) -> None:
    api = Api()
    writes = [api.post("ExecFunctionAppSettings", {"Set": {"CIPP_EXAMPLE": str(number)}}).status for number in range(3)]
    assert writes == [200, 200, 409]
    assert settings_of(container)["CIPP_EXAMPLE"] == "1"


def test_lost_settings_are_restored_beyond_the_limit_of_starts(container: Sandbox) -> None:
    api = Api()
    before = settings_of(container)
    assert api.post("ExecFunctionAppRestart").status == 200
    path = f"/sites/{SITE}/config/appsettings/list$"
    # The look before the lock, that within it, and that after the write, which does not show one setting.
    gone = {"method": "POST", "path": path, "nth": 3, "edit": [["properties.AUTH_SECRET", {"$remove": True}]]}
    container.faults([gone])
    assert api.post("ExecFunctionAppSettings", NEW).status == 200
    calls = [call for call in container.calls("management.azure.com") if call["method"] == "PUT"]
    assert len(calls) == 2
    assert settings_of(container) == before | {"CIPP_EXAMPLE": "1"}
