"""The portal links, which are derived from settings or discovered in Azure, and always returned."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.installation.discovery import Found
from backend.installation.installation import Deployment
from backend.installation.links import portal_links
from sandbox import names
from tests.installation.test_deployment import S, mirid
from tests.support.api import Api

KEYS = {
    *("Subscription", "RGName", "FunctionName", "SWAName", "Hosted", "OS", "SKU", "Timezone"),
    *("ResourceGroup", "KeyVault", "FunctionApp", "FunctionConfig", "FunctionDeployment", "SWADomains", "SWARoles"),
    *("AppServicePlan", "CloudShell", "Management", "Warnings"),
}
LINKS = ("ResourceGroup", "KeyVault", "FunctionApp", "FunctionConfig", "FunctionDeployment", "SWADomains", "SWARoles")


def opens_something_real(address: str) -> bool:
    """Return whether all parts of a link are present."""
    parts = urlsplit(address)
    whole = parts.path + parts.fragment
    return parts.scheme == "https" and "//" not in whole and not re.search(r"None|null|undefined|\s", whole)


# Derived links: the contract's table, and more cases.

P = f"https://portal.azure.com/#@/resource/subscriptions/{S}/resourceGroups"
SITE = {"WEBSITE_SITE_NAME": "cippabc12", "WEBSITE_OWNER_NAME": f"{S}+r", "WEBSITE_RESOURCE_GROUP": "r"}


def shown(environ: Mapping[str, str], claims: Mapping[str, Any] | None = None) -> dict[str, Any]:
    zone = environ.get("CIPP_TIMEZONE") or "UTC"
    links = portal_links(Found(Deployment.of(environ, claims)), environ, zone)
    return {str(name): getattr(links, name) for name in links.__struct_fields__}


@pytest.mark.parametrize(
    ("change", "claim", "expected"),
    [
        pytest.param(
            {"WEBSITE_RESOURCE_GROUP": "CIPP", "WEBSITE_OWNER_NAME": f"{S}+CIPP-WestEuropewebspace"},
            None,
            {
                "subscription": S,
                "resource_group_name": "CIPP",
                "function_name": "cippabc12",
                "static_web_app_name": "cipp-swa-abc12",
                "hosted": False,
                "sku": None,
                "timezone": "UTC",
                "management": None,
                "resource_group": f"{P}/CIPP/overview",
                "key_vault": f"{P}/CIPP/providers/Microsoft.KeyVault/vaults/cippabc12/secrets",
                "function_app": f"{P}/CIPP/providers/Microsoft.Web/sites/cippabc12/appServices",
                "function_config": f"{P}/CIPP/providers/Microsoft.Web/sites/cippabc12/configuration",
                "function_deployment": f"{P}/CIPP/providers/Microsoft.Web/sites/cippabc12/vstscd",
                "static_web_app_domains": (
                    f"{P}/CIPP/providers/Microsoft.Web/staticSites/cipp-swa-abc12/customDomains"
                ),
                "static_web_app_roles": f"{P}/CIPP/providers/Microsoft.Web/staticSites/cipp-swa-abc12/roleManagement",
                "cloud_shell": "https://shell.azure.com/powershell",
            },
            id="B1",
        ),
        pytest.param(
            {"WEBSITE_RESOURCE_GROUP": ""},
            mirid("rg-a", "cippabc12/slots/staging"),
            {"resource_group_name": "rg-a"},
            id="B4",
        ),
        pytest.param(
            {"WEBSITE_RESOURCE_GROUP": ""},
            None,
            {
                "resource_group_name": None,
                "resource_group": f"https://portal.azure.com/#@/resource/subscriptions/{S}/overview",
                "key_vault": f"https://portal.azure.com/#@/resource/subscriptions/{S}/overview",
            },
            id="B7 the subscription is the nearest known parent",
        ),
        pytest.param({"WEBSITE_SITE_NAME": "CIPPABC12"}, None, {"static_web_app_name": "cipp-swa-abc12"}, id="B10"),
        pytest.param(
            {"WEBSITE_SITE_NAME": "contosoabc12"}, None, {"static_web_app_name": "contoso-swa-abc12"}, id="B12"
        ),
        pytest.param(
            {"WEBSITE_SITE_NAME": "compaction-01-z2ir2"},
            None,
            {
                "static_web_app_name": None,
                "static_web_app_roles": f"{P}/r/overview",
                "key_vault": f"{P}/r/providers/Microsoft.KeyVault/vaults/compaction-01-z2ir2/secrets",
            },
            id="B13 not guessed",
        ),
        pytest.param(
            {"WEBSITE_SITE_NAME": "cippabc12-proc"},
            None,
            {
                "function_name": "cippabc12",
                "static_web_app_name": "cipp-swa-abc12",
                "key_vault": f"{P}/r/providers/Microsoft.KeyVault/vaults/cippabc12/secrets",
                "function_app": f"{P}/r/providers/Microsoft.Web/sites/cippabc12/appServices",
            },
            id="B16",
        ),
        pytest.param(
            {"CIPP_KV_NAME": "shared-kv"},
            None,
            {"key_vault": f"{P}/r/providers/Microsoft.KeyVault/vaults/shared-kv/secrets"},
            id="B18",
        ),
        pytest.param(
            {"CIPP_HOSTED": "True", "WEBSITE_SKU": "PremiumV3"},
            None,
            {"hosted": True, "sku": "PremiumV3", "management": "https://management.cipp.app"},
            id="B19",
        ),
        pytest.param({"CIPP_HOSTED": "1"}, None, {"hosted": False, "management": None}, id="B20"),
        pytest.param({"CIPP_TIMEZONE": "Europe/Amsterdam"}, None, {"timezone": "Europe/Amsterdam"}, id="B22"),
        pytest.param(
            {"WEBSITE_OWNER_NAME": ""},
            None,
            {"subscription": None, "resource_group": "https://portal.azure.com/#home"},
            id="B23 without an identity",
        ),
        pytest.param({"WEBSITE_OWNER_NAME": ""}, mirid("r", "cippabc12"), {"subscription": S}, id="B23 with one"),
        pytest.param({"WEBSITE_OWNER_NAME": S}, None, {"subscription": S}, id="B24"),
        pytest.param(
            {"WEBSITE_SITE_NAME": ""},
            None,
            {
                "function_name": None,
                "static_web_app_name": None,
                "function_app": f"{P}/r/overview",
                "key_vault": f"{P}/r/overview",
            },
            id="B26",
        ),
        pytest.param(
            {"WEBSITE_SITE_NAME": "", "WEBSITE_OWNER_NAME": "", "WEBSITE_RESOURCE_GROUP": ""},
            None,
            {"subscription": None, "function_app": "https://portal.azure.com/#home"},
            id="B27",
        ),
        pytest.param(
            {"CIPP_FUNCTION_APP": "fabrikamxyz99", "WEBSITE_SITE_NAME": "api"},
            None,
            {"function_name": "fabrikamxyz99", "static_web_app_name": "fabrikam-swa-xyz99"},
            id="CIPP_FUNCTION_APP names the app",
        ),
        pytest.param(
            {"CIPP_CLOUD": "usgov"},
            None,
            {
                "resource_group": (f"https://portal.azure.us/#@/resource/subscriptions/{S}/resourceGroups/r/overview"),
                "cloud_shell": "https://portal.azure.us/#cloudshell/",
            },
            id="US Government",
        ),
        pytest.param(
            {"WEBSITE_HOSTNAME": "cippabc12.chinacloudsites.cn"},
            None,
            {"resource_group": f"https://portal.azure.cn/#@/resource/subscriptions/{S}/resourceGroups/r/overview"},
            id="China by its host name",
        ),
        pytest.param(
            {"CIPP_RESOURCE_GROUP": "my_group(1)"},
            None,
            {"resource_group": f"{P}/my_group(1)/overview"},
            id="odd group",
        ),
    ],
)
def test_names_and_links_are_derived_from_the_settings(
    change: dict[str, str], claim: str | None, expected: dict[str, object]
) -> None:
    links = shown({**SITE, **change}, {} if claim is None else {"xms_mirid": claim})
    assert {name: links[name] for name in expected} == expected


def test_every_unknown_name_is_null_with_a_warning_that_names_its_setting() -> None:
    links = shown({})
    warnings = " ".join(links["warnings"])
    for setting in ("CIPP_SUBSCRIPTION_ID", "CIPP_RESOURCE_GROUP", "CIPP_FUNCTION_APP", "CIPP_KV_NAME"):
        assert setting in warnings


def test_links_use_the_subscriptions_tenant_when_the_identity_shows_it() -> None:
    links = shown(SITE, {"tid": names.TENANT_ID})
    assert links["function_app"].startswith(f"https://portal.azure.com/#@{names.TENANT_ID}/resource/subscriptions/")


# Through the API, without Azure.


@pytest.mark.parametrize(
    "value", ["", " ", "/", "//", "a//b", "..", "%2F", "é", "\udcff", "x" * 500, "a\nb", "{}", "#@", "nan", "1e999"]
)
@pytest.mark.parametrize(
    "setting",
    [
        *("WEBSITE_SITE_NAME", "WEBSITE_OWNER_NAME", "WEBSITE_RESOURCE_GROUP", "WEBSITE_HOSTNAME", "CIPP_TIMEZONE"),
        *("CIPP_FUNCTION_APP", "CIPP_KV_NAME", "CIPP_RESOURCE_GROUP", "CIPP_SUBSCRIPTION_ID", "CIPP_HOSTED"),
        *("CIPP_CLOUD", "DISCOVERY_TIMEOUT_SECONDS", "AZURE_READ_TIMEOUT_SECONDS"),
    ],
)
def test_links_are_returned_with_any_value_of_a_setting(nowhere: pytest.MonkeyPatch, setting: str, value: str) -> None:
    for name, given in {**SITE, setting: value}.items():
        nowhere.setenv(name, given)
    answer = Api().get("ExecBackendURLs")
    assert answer.status == 200
    assert set(answer.results) == KEYS
    assert [key for key in LINKS if not opens_something_real(answer.results[key])] == []


def test_missing_identity_is_a_warning_with_the_command_to_enable_it(nowhere: pytest.MonkeyPatch) -> None:
    for name, given in SITE.items():
        nowhere.setenv(name, given)
    results = Api().get("ExecBackendURLs").results
    assert results["SWAName"] == "cipp-swa-abc12"
    assert any("az functionapp identity assign" in warning for warning in results["Warnings"])


def test_links_are_allowed_for_admins_and_not_for_editors(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    assert Api().get("ExecBackendURLs", role="editor").status == 403
    assert Api().get("ExecBackendURLs", role="admin").status == 200


def test_link_omits_the_query_of_a_resource_id() -> None:
    deployment = Deployment.of({**SITE, "WEBSITE_SITE_NAME": "cippabc12"})
    for end in (f"?sig={names.PLANTED}", f"#{names.PLANTED}"):
        found = Found(deployment, vault_id=f"/subscriptions/{S}/resourceGroups/r/providers/x/vaults/v{end}")
        assert portal_links(found, {}, "UTC").key_vault == f"{P}/r/providers/x/vaults/v/secrets"
