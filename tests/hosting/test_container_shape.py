"""What each shape of CIPP lacks has one form, and an unknown shape changes nothing."""

from typing import Any

import pytest
from azure.data.tables import TableServiceClient

import function_app
from backend.configuration.mode import Option
from sandbox import names
from settings.http.process import services
from settings.http.routes import all_routes
from tests.support import az, phrases
from tests.support.admin import ROLES, ROLES_API, SUBSCRIPTION, Admin
from tests.support.api import Api
from tests.support.own_tables import forget_starts
from tests.support.principals import application
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import ARM

ABSENT_READS = {
    "ListStaticWebApp": "Exists",
    "ListStaticWebAppDomains": None,
    "ListStaticWebAppUsers": "Users",
    "ListFunctionAppDeployments": "Deployments",
}
ABSENT_WRITES: dict[str, dict[str, object]] = {
    "ExecStaticWebAppDomainAdd": {"Domain": "new.contosomsp.com"},
    "ExecStaticWebAppDomainRemove": {"Domain": "cipp.contosomsp.com"},
    "ExecStaticWebAppUserInvite": {"UserDetails": "alex@contosomsp.com", "Roles": ["editor"], "Hours": 24},
    "ExecStaticWebAppUserRoles": {"UserId": "9f40b7c2", "Provider": "aad", "Roles": ["editor"]},
    "ExecStaticWebAppUserRemove": {"UserId": "9f40b7c2", "Provider": "aad"},
    "ExecFunctionAppDeploymentSync": {},
}
WRITES: dict[str, dict[str, object]] = {
    **ABSENT_WRITES,
    "ExecBackendUserSet": {"User": "alex@contosomsp.com", "Roles": ["editor"]},
    "ExecBackendUserRemove": {"User": "alex@contosomsp.com"},
    "ExecBackendDomainAdd": {"Domain": "new.contosomsp.com"},
    "ExecBackendDomainSecure": {"Domain": "cipp.contosomsp.com"},
    "ExecBackendDomainRemove": {"Domain": "cipp.contosomsp.com"},
    "ExecBackendDomainRepairSignIn": {},
    "ExecBackendSignInRepair": {"Causes": ["CallbackMissing"]},
    "ExecBackendVersionSet": {"Channel": "latest"},
    "ExecFunctionAppStart": {},
    "ExecFunctionAppStop": {},
    "ExecFunctionAppRestart": {},
    "ExecFunctionAppSettings": {"Set": {"CIPP_X": "1"}},
}


@pytest.fixture
def container(azure: Sandbox) -> Api:
    azure.reset(propagation_seconds=0, shape="container")
    return Api()


@pytest.fixture
def unknown(azure: Sandbox) -> Api:
    """A main app of a kind that is neither a function app nor a container."""
    path = f"/sites/{names.MAIN_SITE}$"
    azure.faults([{"method": "GET", "path": path, "edit": [["kind", "app,linux"]], "times": 0}])
    return Api()


def changes(azure: Sandbox) -> list[str]:
    """Return the calls that may change something in Azure. A POST of Resource Manager may, except a list."""
    return [call["url"] for call in azure.calls() if may_change(call["method"], call["host"], call["path"])]


def may_change(method: str, host: str, path: str) -> bool:
    is_list = path.lower().rsplit("/", 1)[-1].startswith("list")
    return method in ("PUT", "PATCH", "DELETE") or (method == "POST" and host == ARM and not is_list)


def test_each_control_of_the_routes_is_tried() -> None:
    controls = {route.name for route in all_routes(function_app.PAGES) if route.option is Option.CONTROLS}
    assert controls - {"ExecTimeSettings"} == WRITES.keys()  # that writes CIPP's table


@pytest.mark.parametrize(("name", "part"), ABSENT_READS.items())
def test_read_of_what_a_container_lacks_is_empty_and_states_why(container: Api, name: str, part: str | None) -> None:
    answer = container.get(name)
    assert answer.status == 200
    assert not (answer.results[part] if part else answer.results)
    absence = answer.body["NotInThisShape"]
    assert set(absence) == {"Shape", "Reason", "Instead"}
    assert absence["Shape"] == "container"


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", ABSENT_WRITES)
def test_write_of_what_a_container_lacks_is_refused(container: Api, azure: Sandbox, name: str, dry_run: bool) -> None:
    answer = container.post(name, {**ABSENT_WRITES[name], "DryRun": dry_run})
    assert answer.status == 409
    assert answer.body["NotInThisShape"]["Shape"] == "container"
    assert answer.body["NotInThisShape"]["Instead"] in answer.results
    assert changes(azure) == []


@pytest.mark.parametrize("name", ABSENT_WRITES)
def test_write_of_what_a_container_lacks_names_no_option(
    container: Api, azure: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    del container
    monkeypatch.setenv(Option.CONTROLS.setting, "false")
    answer = Api().post(name, ABSENT_WRITES[name])
    assert answer.status == 409
    assert answer.body["NotInThisShape"]["Shape"] == "container"
    assert Option.CONTROLS.parameter not in answer.text
    assert changes(azure) == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_unknown_shape_changes_nothing_and_states_the_cause(
    unknown: Api, azure: Sandbox, name: str, dry_run: bool
) -> None:
    answer = unknown.post(name, {**WRITES[name], "DryRun": dry_run})
    assert answer.status == 409
    assert "'app,linux'" in answer.results
    assert "CIPP_FUNCTION_APP" in answer.body["advice"]
    assert changes(azure) == []


@pytest.mark.parametrize("name", ["ListFunctionApps", "ListStaticWebApp", "ListStaticWebAppUsers"])
def test_unknown_shape_does_not_prevent_reads(unknown: Api, name: str) -> None:
    answer = unknown.get(name)
    assert answer.status == 200
    assert "NotInThisShape" not in answer.body


def test_function_apps_have_every_operation(api: Api) -> None:
    for name in ABSENT_READS:
        answer = api.get(name)
        assert answer.status == 200
        assert set(answer.body) == {"Results"}


def test_links_of_a_container_have_its_plan_and_its_pages(container: Api) -> None:
    links = container.get("ExecBackendURLs").results
    assert [links[name] for name in ("SWAName", "SWADomains", "SWARoles", "FunctionDeployment")] == [""] * 4
    assert links["AppServicePlan"].endswith(f"/serverfarms/{names.MAIN_SITE}-plan/overview")
    assert (links["OS"], links["SKU"]) == ("Linux", "Basic")
    pages = {name: links[name].rpartition("/")[2] for name in ("Domains", "LogStream", "ContainerSettings")}
    assert pages == {"Domains": "customDomains", "LogStream": "logStream", "ContainerSettings": "containerSettings"}
    assert not [warning for warning in links["Warnings"] if phrases.STATIC_WEB_APP in warning]


def test_container_links_warn_when_the_plan_can_not_be_read(container: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/serverfarms/", "mode": "refuse", "status": 403, "times": 0}])
    links = container.get("ExecBackendURLs").results
    assert links["SKU"] is None
    assert [warning for warning in links["Warnings"] if "plan" in warning]


def test_function_app_links_have_the_plan_but_not_the_containers_pages(api: Api) -> None:
    links = api.get("ExecBackendURLs").results
    assert "/serverfarms/" in links["AppServicePlan"]
    assert not {"Domains", "LogStream", "ContainerSettings"} & set(links)


def kinds(api: Api) -> list[str]:
    return list(dict.fromkeys(card["Kind"] for card in api.get("ListBackend").results["Cards"]))


def test_overview_has_the_cards_of_the_shape(container: Api, azure: Sandbox) -> None:
    assert kinds(container) == ["ResourceGroup", "KeyVault", "SignIn", "WebApp", "AppServicePlan", "Keys"]
    azure.reset(propagation_seconds=0)
    assert kinds(Api()) == ["ResourceGroup", "KeyVault", "FunctionApp", "StaticWebApp", "Keys"]


def test_migration_in_place_changes_the_shape_at_the_next_check(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("DISCOVERY_LIFETIME_SECONDS", "0.1")
    api = Api()
    assert "NotInThisShape" not in api.get("ListStaticWebApp").body
    azure.reset(propagation_seconds=0, shape="container")
    services().discovery.main_app.seen()
    bodies: list[Any] = []
    while not bodies or "NotInThisShape" not in bodies[-1]:
        bodies.append(api.get("ListStaticWebApp").body)
        assert len(bodies) < 100


def test_me_shows_the_shape_once_it_is_known(container: Api) -> None:
    services().discovery.main_app.seen()
    services().cipp_settings.current()
    me = container.get("me").body
    assert (me["ng"], me["hosted"], me["initialSetupComplete"]) == (True, False, True)


def test_me_shows_who_hosts_a_container_only_after_its_settings_were_read(azure: Sandbox) -> None:
    azure.reset(shape="container", propagation_seconds=0)
    refused = {"method": "POST", "path": "/config/appsettings/list$", "mode": "refuse", "status": 403, "times": 0}
    azure.faults([refused])
    api = Api()
    services().discovery.main_app.seen()
    assert api.get("me").body["ng"] is True
    assert "hosted" not in api.get("me").body


def test_me_of_function_apps_is_not_of_a_container(api: Api) -> None:
    services().discovery.main_app.seen()
    assert api.get("me").body["ng"] is False


def test_me_does_not_wait_for_the_shape(azure: Sandbox) -> None:
    azure.faults([{"path": f"/sites/{names.MAIN_SITE}$", "mode": "hang", "times": 0}])
    me = Api().get("me").body
    assert "ng" not in me
    assert "hosted" not in me
    azure.faults([])


def test_me_states_that_the_setup_is_incomplete_if_the_vault_has_placeholders(azure: Sandbox) -> None:
    Others(azure).store("RefreshToken", "RefreshToken")
    assert Api().get("me").body["initialSetupComplete"] is False


def test_me_without_the_vault_does_not_state_whether_the_setup_is_complete(azure: Sandbox) -> None:
    azure.faults(
        [
            {
                "host": "cippabc12.vault.azure.net",
                "path": "/ApplicationID|/RefreshToken",
                "mode": "refuse",
                "status": 403,
                "times": 0,
            }
        ]
    )
    me = Api().get("me")
    assert me.status == 200
    assert "initialSetupComplete" not in me.body


def test_new_zone_is_effective_in_a_container_after_its_next_start(container: Api) -> None:
    answer = container.post("ExecTimeSettings", {"Timezone": "Europe/Amsterdam"})
    assert answer.status == 200
    assert phrases.NEXT_START in answer.body["Results"]
    assert "WEBSITE_TIME_ZONE" not in answer.body["Results"]


def test_new_zone_of_function_apps_names_the_hosts_setting(api: Api) -> None:
    assert "WEBSITE_TIME_ZONE" in api.post("ExecTimeSettings", {"Timezone": "Europe/Amsterdam"}).body["Results"]


@pytest.mark.parametrize("status", [403, 503])
def test_unknown_shape_states_why_the_app_could_not_be_read(azure: Sandbox, status: int) -> None:
    path = f"/sites/{names.MAIN_SITE}$"
    azure.faults([{"method": "GET", "path": path, "mode": "refuse", "status": status, "times": 0}])
    answer = Api().post("ExecFunctionAppStop", {"DryRun": True})
    assert answer.status == 409
    assert str(status) in answer.results


def rights(api: Api) -> set[str]:
    return {right["Action"] for right in api.get("ListBackendRights").results["Rights"]}


def test_container_needs_no_right_on_a_static_web_app(container: Api, azure: Sandbox) -> None:
    found = rights(container)
    assert {"Microsoft.Web/sites/restart/action", "Microsoft.Web/serverfarms/read"} <= found
    assert not [action for action in found if action.startswith("Microsoft.Web/staticSites/") and "/read" not in action]
    azure.reset(propagation_seconds=0)
    assert "Microsoft.Web/staticSites/customDomains/write" in rights(Api())


def test_migrated_container_shows_the_command_for_the_new_site(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container", state="S4")
    commands = Api().get("ListBackendRights").results["Commands"]
    role = f'--role "CIPP Backend on {names.MAIN_SITE}"'
    assert [line for line in commands if role in line and line.endswith(f"/sites/{names.MAIN_SITE}")]


@pytest.mark.slow("three starts of the container")
def test_commands_for_a_container_grant_only_the_listed_actions(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "2")
    azure.reset(propagation_seconds=0, shape="container", start_seconds=1)
    forget_starts(azure)
    admin = Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", f"{SUBSCRIPTION}/resourceGroups/{names.RESOURCE_GROUP}")
    api = Api()
    assert api.post("ExecFunctionAppStop").body["azureStatus"] == 403
    for command in api.get("ListBackendRights").results["Commands"]:
        assert "Contributor" not in command
        az.run(admin, command)
    results = api.get("ListBackendRights").results
    assert (results["Missing"], results["Commands"]) == (0, [])
    shown = {right["Action"] for right in results["Rights"] if right["Scope"].endswith(f"/sites/{names.MAIN_SITE}")}
    found = admin.call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]
    (role,) = [one["properties"] for one in found if one["properties"]["roleName"].endswith(f"on {names.MAIN_SITE}")]
    assert set(role["permissions"][0]["actions"]) == shown
    for name in ("ExecFunctionAppStop", "ExecFunctionAppStart", "ExecFunctionAppRestart", "ExecFunctionAppSettings"):
        answer = api.post(name, {**WRITES[name], "Force": True})
        assert answer.status == 200, answer.text


@pytest.mark.each_value
@pytest.mark.parametrize("shape", ["functions", "container"])
def test_right_to_read_users_names_the_features_of_the_shape(azure: Sandbox, shape: str) -> None:
    azure.reset(propagation_seconds=0, shape=shape)
    found = {right["Action"]: right["Feature"] for right in Api().get("ListBackendRights").results["Rights"]}
    assert found["GroupMember.Read.All"] == "Roles by Entra groups"
    assert ("allowedUsers" in found["User.Read.All"]) is (shape == "container")
    assert found["User.Read.All"].startswith("Roles by Entra groups")


def test_normal_container_has_no_state_but_this_app_beside_it(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container")
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table("CippBackendInstallation")  # of another test, which migrated CIPP
    Api()
    assert [state.code for state in services().installation_states.states()] == ["S5"]  # this app is in CIPP's group


def test_me_of_an_application_has_no_shape(container: Api) -> None:
    services().discovery.main_app.seen()
    me = container.call("GET", "me", role=None, headers=application("superadmin")).body
    assert not {"ng", "hosted", "initialSetupComplete"} & set(me)


def test_this_app_can_be_repaired_while_the_shape_is_unknown(unknown: Api) -> None:
    own = {"Name": names.BACKEND_SITE, "Force": True}
    changed = unknown.post("ExecFunctionAppSettings", {**own, "Set": {"AZURE_DEADLINE_SECONDS": "20"}})
    assert changed.status == 200
    assert unknown.post("ExecFunctionAppRestart", {**own, "DryRun": True}).status == 200


def test_function_app_that_has_become_a_container_is_not_changed_as_before(azure: Sandbox) -> None:
    api = Api()
    services().discovery.main_app.seen()
    azure.reset(propagation_seconds=0, shape="container")
    for name in ("ExecFunctionAppRestart", "ExecFunctionAppSettings"):
        answer = api.post(name, WRITES[name])
        assert answer.status == 409
        assert phrases.NO_LONGER in answer.results
    assert changes(azure) == []


UNKNOWN: dict[str, tuple[str, dict[str, object], str]] = {
    "another kind": (
        "functions",
        {"path": f"/sites/{names.MAIN_SITE}$", "edit": [["kind", "app,linux"]]},
        "'app,linux'",
    ),
    "an app that can't be read": (
        "functions",
        {"path": f"/sites/{names.MAIN_SITE}$", "mode": "refuse", "status": 403},
        "403",
    ),
    "a container's image that can't be read": (
        "container",
        {"path": f"/sites/{names.MAIN_SITE}/config/web$", "mode": "refuse", "status": 403},
        "403",
    ),
}


@pytest.fixture(params=UNKNOWN)
def unclear(azure: Sandbox, request: pytest.FixtureRequest) -> tuple[Api, str, str]:
    """A CIPP whose shape is unknown, the cause, and its real shape."""
    shape, fault, cause = UNKNOWN[request.param]
    azure.reset(propagation_seconds=0, shape=shape)
    azure.faults([{"method": "GET", "times": 0, **fault}])
    return Api(), cause, shape


@pytest.mark.each_value
def test_links_of_an_unknown_shape_claim_neither_and_state_the_cause(unclear: tuple[Api, str, str]) -> None:
    api, cause, _ = unclear
    links = api.get("ExecBackendURLs").results
    assert [warning for warning in links["Warnings"] if cause in warning]
    assert not [text for text in links["Warnings"] if phrases.STATIC_WEB_APP in text or phrases.DERIVED_NAMES in text]
    assert links["FunctionDeployment"] == links["FunctionApp"]
    assert links["FunctionApp"].endswith(f"/sites/{names.MAIN_SITE}/appServices")
    assert links["SKU"] is None
    assert not {"Domains", "LogStream", "ContainerSettings"} & set(links)


@pytest.mark.each_value
def test_static_web_app_of_unknown_shape_is_linked_if_azure_shows_it(unclear: tuple[Api, str, str]) -> None:
    api, _, shape = unclear
    links = api.get("ExecBackendURLs").results
    static_web_app = {"functions": "cipp-swa-abc12"}.get(shape)
    assert links["SWAName"] == static_web_app
    parent = f"/staticSites/{static_web_app}/" if static_web_app else f"/resourceGroups/{names.RESOURCE_GROUP}/overview"
    assert parent in links["SWADomains"]
    assert parent in links["SWARoles"]


@pytest.mark.each_value
def test_overview_of_an_unknown_shape_has_one_card_with_the_cause(unclear: tuple[Api, str, str]) -> None:
    api, cause, _ = unclear
    assert kinds(api) == ["ResourceGroup", "KeyVault", "MainApp", "Keys"]
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "MainApp"]
    assert card["Name"] == names.MAIN_SITE
    assert card["Link"].endswith(f"/sites/{names.MAIN_SITE}/appServices")
    assert cause in card["Problems"][0]
