"""Names of settings and properties that App Service refuses."""

import pytest

from sandbox import names
from tests.support.sandbox.arm import WEB, Arm
from tests.support.sandbox_client import Sandbox

WINDOWS, FLEX = names.MAIN_SITE, names.BACKEND_SITE
NOT_ALLOWED = "AppSetting with name '{}' is not allowed."
ON_FLEX = "The following app setting (Site.SiteConfig.AppSettings.{}) for Flex Consumption sites is invalid.  "


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset()
    return Arm(sandbox)


def settings(arm: Arm, site: str) -> dict[str, str]:
    stored: dict[str, str] = arm.sandbox.state()["sites"][site]["appSettings"]
    return stored


@pytest.mark.parametrize(
    ("site", "name", "message"),
    [
        (FLEX, "a:b", NOT_ALLOWED.format("a:b")),
        (FLEX, "a-b", NOT_ALLOWED.format("a-b")),
        (FLEX, "ä", NOT_ALLOWED.format("ä")),
        (FLEX, "A=B", NOT_ALLOWED.format("A=B")),
        (FLEX, "", "Parameter name cannot be empty."),
        (WINDOWS, " ", "Parameter name cannot be empty."),
        (WINDOWS, "AzureBlobStorage__Key", NOT_ALLOWED.format("AzureBlobStorage__Key")),
        (FLEX, "AZUREFILESSTORAGE_x", NOT_ALLOWED.format("AZUREFILESSTORAGE_x")),
        (
            WINDOWS,
            "WEBSITE_HOSTNAME",
            "The data is not valid (Invalid or not allowed environment key name: WEBSITE_HOSTNAME).",
        ),
        *[
            (FLEX, name, ON_FLEX.format(name) + "Please remove or rename it before retrying.")
            for name in ("FUNCTIONS_WORKER_RUNTIME", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE")
        ],
    ],
)
def test_setting_that_app_service_refuses_changes_nothing(arm: Arm, site: str, name: str, message: str) -> None:
    before = settings(arm, site)
    path = f"{WEB}/sites/{site}/config/appsettings"
    refused = arm.call("PUT", path, {"properties": {**before, "FINE": "1", name: "x"}})
    body = refused.json()
    assert refused.status_code == 400
    assert list(body) == ["Code", "Message", "Target", "Details", "Innererror"]
    assert (body["Code"], body["Message"]) == ("BadRequest", message)
    assert body["Details"][2]["ErrorEntity"]["Message"] == message
    assert settings(arm, site) == before


@pytest.mark.parametrize(
    ("site", "name"),
    [
        (WINDOWS, "a:b"),
        (WINDOWS, "a-b"),
        (WINDOWS, "FUNCTIONS_WORKER_RUNTIME"),
        (WINDOWS, "MACHINEKEY_DecryptionKey"),
        (FLEX, "MACHINEKEY_DecryptionKey"),
        (FLEX, "AzureBlobStorageConnection"),
        (FLEX, "AzureWebJobsStorage__accountName"),
        (FLEX, "FUNCTIONS_EXTENSION_VERSION"),
        (FLEX, "WEBSITE_TIME_ZONE"),
        (FLEX, "a.b_C9"),
    ],
)
def test_setting_that_app_service_accepts_is_stored(arm: Arm, site: str, name: str) -> None:
    whole = settings(arm, site) | {name: "x"}
    assert arm.call("PUT", f"{WEB}/sites/{site}/config/appsettings", {"properties": whole}).status_code == 200
    assert settings(arm, site) == whole


def test_all_refused_settings_are_in_one_message(arm: Arm) -> None:
    both = {"WEBSITE_CONTENTSHARE": "x", "functions_worker_runtime": "python"}
    body = arm.call("PUT", f"{WEB}/sites/{FLEX}/config/appsettings", {"properties": both}).json()
    assert "list of 2 app settings (Site.SiteConfig.AppSettings.WEBSITE_CONTENTSHARE, " in body["Message"]


def test_site_configuration_is_checked_like_settings(arm: Arm) -> None:
    pairs = [{"name": "FUNCTIONS_WORKER_RUNTIME", "value": "python"}]
    for path, body in (
        (f"{WEB}/sites/{FLEX}/config/web", {"properties": {"appSettings": pairs}}),
        (f"{WEB}/sites/{FLEX}", {"properties": {"siteConfig": {"appSettings": pairs}}}),
        (f"{WEB}/sites/{FLEX}/config/web", {"properties": {"linuxFxVersion": None}}),
        (f"{WEB}/sites/{FLEX}", {"properties": {"siteConfig": {"ftpsState": "Disabled"}}}),
    ):
        refused = arm.call("PATCH", path, body)
        assert refused.status_code == 400
        assert "for Flex Consumption sites is invalid" in refused.json()["Message"]
    assert "FUNCTIONS_WORKER_RUNTIME" not in settings(arm, FLEX)
    assert arm.call("PATCH", f"{WEB}/sites/{WINDOWS}/config/web", {"properties": {"ftpsState": "Disabled"}}).ok
    assert arm.call("PATCH", f"{WEB}/sites/{FLEX}/config/web", {"properties": {"minTlsVersion": "1.2"}}).ok


def test_app_is_not_created_when_its_settings_are_refused(arm: Arm) -> None:
    pairs = [{"name": "AzureBlobStorage__x", "value": "1"}]
    properties = {"serverFarmId": f"{WEB}/serverfarms/cipp-srv-abc12", "siteConfig": {"appSettings": pairs}}
    body = {"location": "West Europe", "kind": "functionapp", "properties": properties}
    assert arm.call("PUT", f"{WEB}/sites/cippabc12-new", body).status_code == 400
    assert "cippabc12-new" not in arm.sandbox.state()["sites"]
