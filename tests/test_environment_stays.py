"""No value of this app's environment comes out: not in a response, a log line, or a row of CIPP's Logbook."""

import logging
from typing import Any

import pytest

import function_app
from backend.errors import NotConfiguredError
from backend.limits import Limits
from settings.routes import all_routes
from tests import planted
from tests.admin import Admin
from tests.api import Api, functions
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox
from tests.test_readme import variables_read

MARK = "PLANTED"
VALUES = ["0.AXoA-PLANTED-refresh-token", "PLANTED secret!", "abc8Q~3fKq.PLANTED_-x~0123456789abcdefg", planted.ZONE]
BY_ADDRESS = {"CIPP_STORAGE__tableServiceUri", "AzureWebJobsStorage__tableServiceUri"}
OTHERS = {"AzureFunctionsJobHost__functionTimeout"}
LIMITS = {name.upper() for name in Limits.__struct_fields__}
VARIABLES = sorted((variables_read() | BY_ADDRESS | OTHERS) - LIMITS | {"AZURE_DEADLINE_SECONDS"})
QUICK = dict.fromkeys(("AZURE_READ_TIMEOUT_SECONDS", "AZURE_DEADLINE_SECONDS", "DISCOVERY_TIMEOUT_SECONDS"), "0.5")
# Some variables are marks of Azure, where Development does not count.
SIGNED_IN = {"WEBSITE_AUTH_ENABLED": "true", "TRUST_STATIC_WEB_APP": "true"}
# Of those that must name something.
BODIES: dict[str, dict[str, Any]] = {
    "ExecFunctionAppSettings": {"Set": {"A": "1"}},
    "ExecTimeSettings": {"Timezone": "Europe/Amsterdam"},
    "ExecKeyVaultSecretSet": {"Name": "Example", "Value": "x"},
    "ExecKeyVaultSecretRestore": {"Name": "RefreshToken", "Version": "x"},
    "ExecKeyVaultSecretRecover": {"Name": "Example"},
    "ExecStaticWebAppDomainAdd": {"Domain": "new.contosomsp.com"},
    "ExecStaticWebAppDomainRemove": {"Domain": "cipp.contosomsp.com"},
    "ExecStaticWebAppUserInvite": {"UserDetails": "alex@contosomsp.com", "Roles": ["editor"], "Hours": 1},
    "ExecStaticWebAppUserRoles": {"UserId": "x", "Provider": "aad", "Roles": ["editor"]},
    "ExecStaticWebAppUserRemove": {"UserId": "x", "Provider": "aad"},
    "ExecKeyProof": {},
}


def everything(api: Api) -> list[str]:
    """Call every endpoint, a POST as a dry run, and both timers."""
    told = []
    for route in all_routes(function_app.PAGES):
        if route.method == "GET":
            told.append(api.get(route.path).text)
        else:
            dry_run = {} if route.name == "ExecKeyProof" else {"DryRun": True}
            told.append(api.post(route.path, {**BODIES.get(route.name, {}), **dry_run}).text)
    for timer in ("weeklykeyrotation", "keyrotationcatchup"):
        try:
            functions()[timer].get_user_function()(None)
        except Exception as error:  # noqa: BLE001 - a timer that fails raises to the host
            told.append(str(error))
    return told


def the_links_and_an_act(api: Api) -> list[str]:
    """Call what shows most of the environment, and what leaves an entry in the Logbook."""
    return [
        api.get("ExecBackendURLs").text,
        api.get("ListFunctionApps").text,
        api.post("ExecTimeSettings", {"Timezone": "Europe/Amsterdam", "DryRun": True}).text,
    ]


def turn_sign_in_on(azure: Sandbox) -> None:
    """Let Azure state that App Service authentication is on, so that callers are trusted."""
    validation = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}
    Admin(azure).set_sign_in(platform={"enabled": True}, globalValidation=validation)


def told_with(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> str:
    """Everything that comes out of an app with that variable, for the first value all of it."""
    caplog.set_level(logging.DEBUG)
    turn_sign_in_on(azure)
    for name, given in {**QUICK, **SIGNED_IN, variable: value}.items():
        nowhere.setenv(name, given)
    if variable == "AzureWebJobsStorage__tableServiceUri":
        nowhere.delenv("AzureWebJobsStorage")
    call = everything if value == VALUES[0] else the_links_and_an_act
    told = call(Api())
    assert not any(text.startswith('{"type":"about:blank","title":"Unauthorized"') for text in told)
    rows = [str(row) for row in Others(azure).rows("CippLogs", record=True) if MARK in str(row)]
    return "\n".join([*told, caplog.text, *rows])


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_value_of_the_environment_comes_out_nowhere(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    told = told_with(azure, nowhere, caplog, variable, value)
    assert [told[max(found - 300, 0) :][:600] for found in (told.find(MARK),) if found >= 0] == []


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("variable", sorted(LIMITS))
def test_a_limit_that_is_not_a_number_is_named_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(NotConfiguredError) as refused:
        Limits.of({variable: value})
    assert variable in str(refused.value)
    assert MARK not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "field", "default"),
    [("CIPP_TIMEZONE", "Timezone", "UTC"), ("CIPP_HOSTED", "Hosted", False), ("WEBSITE_SKU", "SKU", None)],
)
@pytest.mark.parametrize("value", VALUES)
def test_setting_of_another_kind_is_a_warning_and_shows_its_default(  # noqa: PLR0913, PLR0917 - as above
    azure: Sandbox, nowhere: pytest.MonkeyPatch, variable: str, field: str, default: object, value: str
) -> None:
    turn_sign_in_on(azure)
    for name, given in {**SIGNED_IN, variable: value}.items():
        nowhere.setenv(name, given)
    links = Api().get("ExecBackendURLs").results
    assert links[field] == default
    assert any(variable in warning for warning in links["Warnings"])


@pytest.mark.parametrize(
    "variable",
    [
        *("CIPP_CLOUD", "CIPP_FUNCTION_APP", "CIPP_KV_NAME", "CIPP_RESOURCE_GROUP", "CIPP_SUBSCRIPTION_ID"),
        *("KEY_ROTATION_SCHEDULE", "KEY_ROTATION_WARN_DAYS", "ALLOWED_TENANTS", "WEBSITE_SITE_NAME"),
        "TRUSTED_PROXIES",
    ],
)
def test_each_setting_that_cannot_be_used_is_named_by_a_warning(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, variable: str
) -> None:
    del azure
    nowhere.setenv(variable, VALUES[0])
    assert variable in " ".join(Api().get("ExecBackendURLs").results["Warnings"])


def test_a_zone_of_cipps_table_that_is_not_valid_is_not_repeated(
    azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    others = Others(azure)
    others.zone(VALUES[0])
    try:
        api = Api()
        links = api.get("ExecBackendURLs")
        assert api.post("ExecFunctionAppStop", {"DryRun": True}).status == 200
    finally:
        others.zone("UTC")
    assert links.results["Timezone"] == "UTC"
    assert any("table Config" in warning for warning in links.results["Warnings"])
    assert MARK not in links.text + caplog.text
