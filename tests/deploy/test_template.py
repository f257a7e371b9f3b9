"""Rules for deploy/azuredeploy.json that need no deployment, and what it creates in the sandbox."""

import copy
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_args

import pytest

import function_app
from backend.access.platform_sign_in import sign_in_notes, sign_in_problems
from backend.access.sign_in_door import denial_in
from backend.cipp.results import CriticalEvent
from backend.configuration.mode import SETTINGS
from backend.health.watch import SEVERE_STATE, SIGN_IN_WORKS_UNTIL, UNKNOWN, WORKS_UNTIL
from sandbox import names
from tests.docs.template import is_stale
from tests.support.admin import Admin
from tests.support.markdown import fences
from tests.support.property_names import model_of, unknown_properties
from tests.support.sandbox.deployments import OWN_GROUP, Deployments
from tests.support.sandbox.installed_app import APP, FUNCTIONS, TEMPLATE, installed, whole_template
from tests.support.sandbox_client import Sandbox

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = TEMPLATE.read_text(encoding="utf-8")
WHOLE: Final[dict[str, Any]] = json.loads(TEXT)
NESTED: Final = "Microsoft.Resources/deployments"
CLIENT: Final = "6d1f0a3e-2b58-4c97-9e14-7a5c3d8f6b20"


def resources(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every resource, also those of nested templates."""
    for resource in template["resources"]:
        yield resource
        if resource["type"] == NESTED:
            yield from resources(resource["properties"]["template"])


def of_type(kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources(WHOLE) if resource["type"] == kind]


def test_roles_are_those_of_the_code() -> None:
    assert not is_stale(ROOT), "Run `make docs`."


@pytest.mark.parametrize("template", [WHOLE, *(one["properties"]["template"] for one in of_type(NESTED))])
def test_every_parameter_and_variable_is_used(template: dict[str, Any]) -> None:
    for kind in ("parameters", "variables"):
        for name in template.get(kind, {}):
            if name == "copy":
                continue
            others = {key: value for key, value in template.items() if key != "parameters"}
            defaults = [one.get("defaultValue") for one in template["parameters"].values()]
            assert f"{kind}('{name}')" in json.dumps([others, defaults]), name


def test_every_parameter_of_the_template_is_described() -> None:
    assert all(one["metadata"]["description"] for one in WHOLE["parameters"].values())


def test_nested_templates_of_grants_are_the_same() -> None:
    grants = [json.dumps(one["properties"]["template"]) for one in of_type(NESTED)]
    assert len(grants) == 5
    assert len(set(grants)) == 2  # the vault's has an access policy too


@pytest.mark.parametrize(
    "resource", [one for one in resources(WHOLE) if model_of(one)], ids=lambda one: str(one["name"])
)
def test_properties_of_app_service_are_spelled_as_in_its_models(resource: dict[str, Any]) -> None:
    model = model_of(resource)
    assert model
    assert unknown_properties(resource, model) == []


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("Microsoft.Web/sites", "instanceMemoryMB", "instanceMemoryMb"),
        ("Microsoft.Web/sites", "userAssignedIdentityResourceId", "userAssignedIdentityId"),
        ("Microsoft.Web/sites", "functionAppConfig", "functionsAppConfig"),
        ("Microsoft.Web/sites", "minTlsVersion", "minTLSVersion"),
        ("Microsoft.Web/sites", "value", "values"),
        ("Microsoft.Web/sites/config", "unauthenticatedClientAction", "unauthenticatedClientsAction"),
        ("Microsoft.Web/sites/config", "allowedAudiences", "audiences"),
        ("Microsoft.Web/sites/config", "excludedPaths", "excludePaths"),
        ("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "allow", "allowed"),
        ("Microsoft.Web/serverfarms", "reserved", "isReserved"),
    ],
)
def test_a_misspelled_property_is_found(kind: str, right: str, wrong: str) -> None:
    (resource, *_) = of_type(kind)
    planted = json.loads(json.dumps(resource).replace(f'"{right}":', f'"{wrong}":'))
    model = model_of(resource)
    assert model
    assert {path.rpartition(".")[2] for path in unknown_properties(planted, model)} == {wrong}


def test_no_key_or_password_is_in_settings_or_outputs() -> None:
    assert not re.search(r"\blist(Keys|Secrets|AccountSas|ServiceSas)?\(", TEXT)
    assert not re.search(r"WEBSITE_RUN_FROM_PACKAGE|SCM_DO_BUILD|ENABLE_ORYX|AccountKey", TEXT)
    assert "'AzureWebJobsStorage'" not in TEXT
    secure = [name for name, one in WHOLE["parameters"].items() if one["type"].lower().startswith("secure")]
    assert secure == ["alertWebhook", "settings"]
    assert not [
        name for name in secure if f"parameters('{name}')" in json.dumps([WHOLE["outputs"], WHOLE["variables"]])
    ]


def test_vault_and_resources_of_cipp_are_never_declared() -> None:
    for nested in of_type(NESTED):
        kinds = {one["type"] for one in nested["properties"]["template"]["resources"]}
        assert kinds <= {
            "Microsoft.Authorization/roleDefinitions",
            "Microsoft.Authorization/roleAssignments",
            "Microsoft.KeyVault/vaults/accessPolicies",
        }


def test_conditions_use_no_reference() -> None:
    assert not [one["condition"] for one in resources(WHOLE) if "reference(" in str(one.get("condition", ""))]


def test_alerts_look_for_what_the_app_logs() -> None:
    alerts = {alert["name"]: alert["query"] for alert in WHOLE["variables"]["alerts"]}
    assert set(alerts) == {
        *("run-failed", "timer-failed", "no-timer", "works-until", "sign-in-ends", "sign-in-off", "unreachable"),
        "critical-event",
    }
    timers = {timer.name for page in function_app.PAGES for timer in page.routes.timers}
    for name in timers:
        assert f"'{name}'" in alerts["timer-failed"]
    assert "'KeyRotationCatchUp'" in alerts["no-timer"]
    assert f"'{WORKS_UNTIL}'" in alerts["works-until"]
    assert f"'{SIGN_IN_WORKS_UNTIL}'" in alerts["sign-in-ends"]
    assert "daysLeft < 14" in alerts["sign-in-ends"]
    assert "known == 0 and unknown > 0" in alerts["sign-in-ends"]  # function apps have no such line
    assert "days < 14" in alerts["works-until"]
    assert "line.daysAtMost" in alerts["works-until"]
    assert "known = countif(timestamp > ago(26h) and isnotnull(daysLeft))" in alerts["works-until"]
    assert "known == 0" in alerts["works-until"]
    assert f"'{SEVERE_STATE}'" in alerts["sign-in-off"]
    assert "'S8'" in alerts["sign-in-off"]
    assert f"unknown = countif(timestamp > ago(4h) and state == '{UNKNOWN}')" in alerts["sign-in-off"]
    assert "off > 0 or unknown >= 3" in alerts["sign-in-off"]
    ranges = {alert["name"]: alert["range"] for alert in WHOLE["variables"]["alerts"]}
    of_hours = {name for name, query in alerts.items() if "ago(26h)" in query or "ago(4h)" in query}
    assert {name: ranges[name] for name in of_hours} == dict.fromkeys(of_hours, "P2D")


def test_each_event_of_the_log_stream_has_its_alert() -> None:
    """An error without an event belongs to `run-failed`, so an event that no query names would have no alert."""
    queries = {alert["name"]: alert["query"] for alert in WHOLE["variables"]["alerts"]}
    critical = set(get_args(CriticalEvent))
    assert set(re.findall(r"'(\w+)'", queries["critical-event"])) == critical
    others = "tostring(line.event) == 'SevereState' and tostring(line.state) != 'S8'"  # sign-in-off has only S8
    assert f"isempty(tostring(line.event)) or ({others})" in queries["run-failed"]
    assert sorted(events_of_the_code()) == sorted({WORKS_UNTIL, SIGN_IN_WORKS_UNTIL, SEVERE_STATE})
    for event in critical | events_of_the_code():
        assert [name for name, query in queries.items() if f"'{event}'" in query], event


def events_of_the_code() -> set[str]:
    """Return the values of `event` that modules log themselves. Those of critical entries have a type of their own."""
    found = set()
    for path in [*(ROOT / "backend").rglob("*.py"), *(ROOT / "settings").rglob("*.py")]:
        module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for name in re.findall(r'"event": ([A-Z_]+)\b', path.read_text(encoding="utf-8")):
            found.add(getattr(import_module(module), name))
    return found


def test_queries_of_alerts_read_one_table() -> None:
    """Microsoft's documentation excludes `search` and `union` from the queries of log alerts."""
    for alert in WHOLE["variables"]["alerts"]:
        assert not re.search(r"\b(union|search|join)\b", alert["query"]), alert["name"]
        tables = set(re.findall(r"\b(traces|requests|availabilityResults)\b", alert["query"]))
        assert len(tables) == 1, alert["name"]


def test_page_lists_each_alert_and_each_role() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    for name in [alert["name"] for alert in WHOLE["variables"]["alerts"]]:
        assert re.search(rf"^\| {name} \| ", page, re.MULTILINE), name
    for key in {key for nested in of_type(NESTED) for key in re.findall(r'"role": "(\w+)"', json.dumps(nested))}:
        assert re.search(rf"^\| {key}( \||,)", page, re.MULTILINE), key


def test_page_gives_the_parameters_that_have_no_useful_default() -> None:
    blocks = [fence.text for fence in fences("docs/deploy.md") if "> parameters.json <<END" in fence.text]
    assert len(blocks) == len(WHOLE["parameters"]["cippShape"]["allowedValues"])
    required = {name for name, one in WHOLE["parameters"].items() if "defaultValue" not in one}
    for block in blocks:
        given = set(re.findall(r'"(\w+)": \{"value"', block))
        assert required | {"clientId", "tenantId", "cippAddress"} <= given <= set(WHOLE["parameters"])
        assert '"${CLIENT_ID:?}"' in block  # with an empty one, every sign-in fails


def rules(azure: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the properties of the deployed alert rules and of the web test, by name."""
    admin, found = Admin(azure), {}
    names_of_alerts = [alert["name"] for alert in WHOLE["variables"]["alerts"]]
    for kind, suffixes in (("scheduledQueryRules", names_of_alerts), ("webtests", ["cipp"])):
        for suffix in suffixes:
            path = f"{OWN_GROUP}/providers/Microsoft.Insights/{kind}/{APP}-{suffix}"
            found[suffix] = admin.call("GET", path, "2022-06-15")["properties"]
    return found


def test_alerts_about_events_are_repeated_while_the_failure_lasts(azure: Sandbox) -> None:
    installed(azure, FUNCTIONS)
    for name, rule in rules(azure).items():
        if name in ("run-failed", "timer-failed"):  # an event leaves the query's window, although nothing is repaired
            assert (rule["autoMitigate"], rule["muteActionsDuration"]) == (False, "PT6H")
        elif name == "critical-event":  # no event may be outside the window when the pause has ended
            assert (rule["autoMitigate"], rule["muteActionsDuration"], rule["windowSize"]) == (False, "PT30M", "PT45M")
        elif name != "cipp":
            assert (rule["autoMitigate"], rule.get("muteActionsDuration")) == (True, None)


def test_reachability_is_tested_only_with_an_address_and_can_be_taken_back(azure: Sandbox) -> None:
    address = "https://cipp.contosomsp.com/api/PublicPing"
    app = installed(azure, FUNCTIONS, cippAddress=address)
    for given in ("", address, ""):
        app.deploy(cippAddress=given)
        deployed = rules(azure)
        assert deployed["cipp"]["Enabled"] is bool(given)
        assert deployed["cipp"]["Request"]["RequestUrl"] == (given or "https://example.com/")
        assert deployed["unreachable"]["enabled"] is bool(given)
        assert deployed["no-timer"]["enabled"] is True


@pytest.fixture
def app(azure: Sandbox) -> dict[str, Any]:
    """The app as the template creates it."""
    installed(azure, FUNCTIONS, clientId=CLIENT, cippAddress="https://cipp.contosomsp.com/")
    found: dict[str, Any] = azure.state()["sites"][APP]
    return found


def test_deployed_sign_in_is_closed_and_for_named_applications(app: dict[str, Any]) -> None:
    settings = app["authSettings"]
    assert denial_in(settings) is None
    assert sign_in_problems(settings, lambda tenant: tenant == names.TENANT_ID) == []
    assert sign_in_notes(settings) == []
    assert settings["globalValidation"]["unauthenticatedClientAction"] == "Return401"
    assert settings["login"]["cookieExpiration"]["timeToExpiration"] == "01:00:00"
    entra = settings["identityProviders"]["azureActiveDirectory"]
    assert entra["validation"]["defaultAuthorizationPolicy"]["allowedApplications"] == [CLIENT]


def test_federated_sign_in_uses_the_identity_and_can_be_taken_back(azure: Sandbox) -> None:
    name = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
    app = installed(azure, FUNCTIONS, clientId=CLIENT)
    for chosen in (False, True, False):
        app.deploy(federatedSignIn=chosen)
        site = azure.state()["sites"][APP]
        entra = site["authSettings"]["identityProviders"]["azureActiveDirectory"]
        assert entra["registration"].get("clientSecretSettingName") == (name if chosen else None)
        identity = site["appSettings"]["AzureWebJobsStorage__clientId"]
        assert site["appSettings"].get(name) == (identity if chosen else None)
        assert sign_in_problems(site["authSettings"], lambda tenant: tenant == names.TENANT_ID) == []
        assert denial_in(site["authSettings"]) is None


def test_sign_in_is_closed_without_a_registration(azure: Sandbox) -> None:
    installed(azure, FUNCTIONS)
    settings = azure.state()["sites"][APP]["authSettings"]
    assert denial_in(settings) is None
    assert settings["platform"]["enabled"] is True
    entra = settings["identityProviders"]["azureActiveDirectory"]
    assert entra["registration"]["clientId"] == "00000000-0000-0000-0000-000000000000"


def test_deployed_settings_are_documented_and_hold_no_key(app: dict[str, Any]) -> None:
    settings = app["appSettings"]
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    documented = {name for name in settings if f"`{name}`" in page}
    assert set(settings) - documented == {
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
    }
    assert {settings[name] for name in SETTINGS} == {"false"}
    assert not [name for name, value in settings.items() if "AccountKey" in value]


def test_settings_of_the_admin_are_added_to_those_of_the_template(azure: Sandbox) -> None:
    installed(azure, FUNCTIONS, settings={"KEY_ROTATION_WARN_DAYS": "21"})
    settings = azure.state()["sites"][APP]["appSettings"]
    assert (settings["KEY_ROTATION_WARN_DAYS"], settings["CIPP_FUNCTION_APP"]) == ("21", "cippabc12")


def test_settings_of_the_template_stay_and_its_defaults_can_be_replaced(azure: Sandbox) -> None:
    given = {"ENABLE_ROTATION": "true", "CIPP_KV_NAME": "other", "PYTHON_THREADPOOL_THREAD_COUNT": "8"}
    admin = Admin(azure)
    installed(azure, FUNCTIONS, settings=given)
    site = f"{OWN_GROUP}/providers/Microsoft.Web/sites/{APP}"
    settings = admin.call("POST", f"{site}/config/appsettings/list", "2024-04-01")["properties"]
    assert {name: settings[name] for name in given} == {
        "ENABLE_ROTATION": "false",
        "CIPP_KV_NAME": "cippabc12",
        "PYTHON_THREADPOOL_THREAD_COUNT": "8",
    }
    assert "" not in settings.values()


def test_settings_of_the_admin_are_in_no_response_about_the_deployment(azure: Sandbox) -> None:
    secret = "DefaultEndpointsProtocol=https;AccountName=cippstgabc12;AccountKey=bm90IGEga2V5"
    app = installed(azure, FUNCTIONS, settings={"CIPP_STORAGE": secret})
    assert secret not in app.deployments.send("GET", "test").text


def test_a_second_deployment_changes_nothing(azure: Sandbox) -> None:
    app = installed(azure, FUNCTIONS, cippAddress="https://cipp.contosomsp.com/")
    assert set(app.deployments.what_if(whole_template(), **app.parameters)) == {"NoChange", "Ignore"}


def test_own_group_is_locked_and_cipps_group_is_not(azure: Sandbox) -> None:
    installed(azure, FUNCTIONS)
    assert len(azure.state()["locks"]) == 1
    azure.reset(propagation_seconds=0)
    same = Deployments(azure)
    same.outputs(whole_template(), **FUNCTIONS)
    assert azure.state()["locks"] == {}


def test_other_access_policies_of_the_vault_stay(azure: Sandbox) -> None:
    admin = Admin(azure)
    before = policies(admin)
    app = installed(azure, FUNCTIONS)
    after = policies(admin)
    assert after.pop(app.principal) == ["get", "list"]
    assert after == before


def policies(admin: Admin) -> dict[str, list[str]]:
    vault = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}"
    found = admin.call("GET", vault, "2023-07-01")["properties"]["accessPolicies"]
    return {policy["objectId"]: sorted(policy["permissions"]["secrets"]) for policy in found}


def test_built_in_roles_need_no_role_definition(azure: Sandbox) -> None:
    app = installed(azure, FUNCTIONS, useBuiltInRoles=True, enableControls=True)
    assert "Create" not in app.deployments.what_if(whole_template(), **app.parameters)
    definitions = app.deployments.admin.call(
        "GET", f"{OWN_GROUP}/providers/Microsoft.Authorization/roleDefinitions", "2022-04-01"
    )["value"]
    assert not [one for one in definitions if one["properties"]["type"] == "CustomRole"]


def test_a_package_is_deployed_without_a_build_if_its_address_is_given(azure: Sandbox) -> None:
    installed(azure, FUNCTIONS, packageUri="https://example.org/cipp-backend.zip")
    assert azure.state()["sites"][APP]["package"]
    (extension,) = of_type("Microsoft.Web/sites/extensions")
    assert extension["properties"]["remoteBuild"] is False


def test_unknown_shape_or_python_version_is_refused(azure: Sandbox) -> None:
    app = installed(azure, FUNCTIONS)
    for wrong in ({"cippShape": "stack"}, {"pythonVersion": "3.10"}, {"appname2": "x"}):
        response = app.deployments.validate(copy.deepcopy(WHOLE), **{**FUNCTIONS, **wrong})
        assert response.status_code == 400, wrong
