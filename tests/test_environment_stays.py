"""No response, log line or Logbook entry contains a value of the app's environment."""

import logging

import pytest

import function_app
from backend.configuration.timeouts import Limits
from backend.errors import NotConfiguredError
from settings.http.routes import all_routes
from tests.support import planted
from tests.support.admin import Admin
from tests.support.api import Api, functions
from tests.support.bodies import body_of
from tests.support.http_file import address_of
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.variables import variables_read

MARK = "PLANTED"
VALUES = ["0.AXoA-PLANTED-refresh-token", "PLANTED secret!", "abc8Q~3fKq.PLANTED_-x~0123456789abcdefg", planted.ZONE]
BY_ADDRESS = {"CIPP_STORAGE__tableServiceUri", "AzureWebJobsStorage__tableServiceUri"}
OTHERS = {"AzureFunctionsJobHost__functionTimeout"}
LIMITS = {name.upper() for name in Limits.__struct_fields__}
VARIABLES = sorted((variables_read() | BY_ADDRESS | OTHERS) - LIMITS | {"AZURE_DEADLINE_SECONDS"})
QUICK = dict.fromkeys(("AZURE_READ_TIMEOUT_SECONDS", "AZURE_DEADLINE_SECONDS", "DISCOVERY_TIMEOUT_SECONDS"), "0.5")
# With some of the variables, the host isn't a development host, so authentication must be on.
SIGNED_IN = {"WEBSITE_AUTH_ENABLED": "true", "TRUST_STATIC_WEB_APP": "true"}


def everything(api: Api) -> list[str]:
    """Call every endpoint, a POST as a dry run, and both timers."""
    texts = []
    for route in all_routes(function_app.PAGES):
        response = api.post(route.path, body_of(route, dry_run=True)) if route.body else api.get(address_of(route))
        if route.name != "ExecKeySignInFinish":  # which needs a sign-in of this caller that was started
            assert response.status != 400, response.text  # the call must get as far as Azure
        texts.append(response.text)
    for timer in ("weeklykeyrotation", "keyrotationcatchup"):
        try:
            functions()[timer].get_user_function()(None)
        except Exception as error:  # noqa: BLE001 - a timer that fails raises to the host
            texts.append(str(error))
    return texts


def links_and_one_write(api: Api) -> list[str]:
    """Call the endpoints that show most of the environment, and one that writes a Logbook entry."""
    return [
        api.get("ExecBackendURLs").text,
        api.get("ListFunctionApps").text,
        api.post("ExecTimeSettings", {"Timezone": "Europe/Amsterdam", "DryRun": True}).text,
    ]


def turn_sign_in_on(azure: Sandbox) -> None:
    """Turn on App Service authentication in Azure, so that callers are trusted."""
    validation = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}
    Admin(azure).set_sign_in(platform={"enabled": True}, globalValidation=validation)


def outputs_with(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> str:
    """Return the app's output with a variable, for the first value that of all endpoints."""
    caplog.set_level(logging.DEBUG)
    turn_sign_in_on(azure)
    for name, given in {**QUICK, **SIGNED_IN, variable: value}.items():
        nowhere.setenv(name, given)
    if variable == "AzureWebJobsStorage__tableServiceUri":
        nowhere.delenv("AzureWebJobsStorage")
    call = everything if value == VALUES[0] else links_and_one_write
    texts = call(Api())
    assert not any(text.startswith('{"type":"docs/api.md#not-signed-in"') for text in texts)
    rows = [str(row) for row in Others(azure).rows("CippLogs", record=True) if MARK in str(row)]
    return "\n".join([*texts, caplog.text, *rows])


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("variable", VARIABLES)
def test_environment_value_is_never_shown(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    output = outputs_with(azure, nowhere, caplog, variable, value)
    assert [output[max(found - 300, 0) :][:600] for found in (output.find(MARK),) if found >= 0] == []


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("variable", sorted(LIMITS))
def test_limit_that_is_not_a_number_is_named_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(NotConfiguredError) as refused:
        Limits.of({variable: value})
    assert variable in str(refused.value)
    assert MARK not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "field", "default"),
    [("CIPP_TIMEZONE", "Timezone", "UTC"), ("CIPP_HOSTED", "Hosted", False), ("WEBSITE_SKU", "SKU", None)],
)
@pytest.mark.parametrize("value", VALUES)
def test_setting_of_another_kind_shows_a_warning_and_its_default(  # noqa: PLR0913, PLR0917 - as above
    azure: Sandbox, nowhere: pytest.MonkeyPatch, variable: str, field: str, default: object, value: str
) -> None:
    Others(azure).clear_tables()  # a time zone from another test has priority over CIPP_TIMEZONE
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
        *("TRUSTED_PROXIES", "TRUST_STATIC_WEB_APP"),
    ],
)
def test_invalid_setting_is_named_in_a_warning(azure: Sandbox, nowhere: pytest.MonkeyPatch, variable: str) -> None:
    del azure
    nowhere.setenv(variable, VALUES[0])
    assert variable in " ".join(Api().get("ExecBackendURLs").results["Warnings"])


def test_invalid_time_zone_in_cipps_table_is_not_shown(azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
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
