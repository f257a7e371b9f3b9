"""The template grants each mode what it needs, and nothing that it does not need."""

import copy
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import azure.mgmt.web.operations
import pytest

from backend.configuration.mode import Mode
from backend.health.overview import TIMERS_UNKNOWN
from backend.hosting.functions.needs import ON_STATIC_WEB_APP, ROLE_NOT_ACTIONS
from sandbox import names
from tests.docs.template import roles
from tests.support.admin import ROLES, ROLES_API, SUBSCRIPTION, VAULT, Admin
from tests.support.api import Api
from tests.support.sandbox.deployments import OWN_GROUP
from tests.support.sandbox.installed_app import CONTAINER, FUNCTIONS, InstalledApp, installed
from tests.support.sandbox_client import Sandbox

MODES = [
    {"enableControls": controls, "enableRotation": rotation} for controls in (False, True) for rotation in (False, True)
]
SHAPES = [FUNCTIONS, CONTAINER]
AT_ONCE = 8  # actions. Of those that the app names as missing, each is needed
IN_EACH_MODE = pytest.mark.parametrize(
    "mode",
    MODES,
    ids=lambda mode: Mode.of({k.replace("enable", "ENABLE_").upper(): str(v) for k, v in mode.items()}).name,
)


def prepared(azure: Sandbox, parameters: dict[str, Any], **changes: object) -> InstalledApp:
    """The app as deployed for one of CIPP's shapes."""
    if parameters["cippShape"] == "container":
        azure.reset(shape="container", propagation_seconds=0)
        (site,) = [name for name, site in azure.state()["sites"].items() if "container" in site["kind"]]
        changes |= {"cippApp": site, "cippVault": names.VAULT, "cippPlan": names.CONTAINER_PLAN}
    return installed(azure, parameters, **changes)


def missing(api: Api) -> list[tuple[str, str]]:
    answer = api.get("ListBackendRights")
    assert answer.status == 200, answer.text
    rights = answer.results["Rights"]
    assert {right["Kind"] for right in rights} == {"azure", "vault", "graph", "table"}
    return [(right["Action"], right["Problem"] or "") for right in rights if right["Has"] is not True]


@IN_EACH_MODE
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["cippShape"])
def test_template_grants_all_that_its_mode_needs(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, mode: dict[str, bool], shape: dict[str, Any]
) -> None:
    api = prepared(azure, shape, **mode).api(monkeypatch)
    assert missing(api) == []
    overview = api.get("ListBackend").results
    shown, (keys,) = overview["Mode"], [card for card in overview["Cards"] if card["Kind"] == "Keys"]
    assert not [note for note in keys["Notes"] if TIMERS_UNKNOWN in note]
    assert {"controls": "controls" in shown, "rotation": "rotation" in shown} == {
        "controls": mode["enableControls"],
        "rotation": mode["enableRotation"],
    }


@IN_EACH_MODE
def test_template_grants_all_by_role_if_the_vault_uses_roles(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, mode: dict[str, bool]
) -> None:
    Admin(azure).let_roles_count()
    app = prepared(azure, FUNCTIONS, **mode)
    assert missing(app.api(monkeypatch)) == []
    policies = Admin(azure).call("GET", VAULT, "2023-07-01")["properties"]["accessPolicies"]
    assert app.principal not in {policy["objectId"] for policy in policies}


@pytest.mark.parametrize("built_in", [False, True], ids=["custom", "built-in"])
def test_vault_in_another_group_can_be_read(azure: Sandbox, monkeypatch: pytest.MonkeyPatch, built_in: bool) -> None:
    Admin(azure).call("PUT", f"{SUBSCRIPTION}/resourceGroups/elsewhere", "2022-09-01", {"location": "westeurope"})
    elsewhere = {"cippResourceGroup": "elsewhere", "cippVaultResourceGroup": "cipp"}
    api = installed(azure, FUNCTIONS, **elsewhere, useBuiltInRoles=built_in).api(monkeypatch)
    rights = api.get("ListBackendRights").results["Rights"]
    assert [right["Has"] for right in rights if right["Kind"] == "vault"] == [True, True]


def refused(api: Api) -> set[str]:
    """Return the actions, in lower case, that the app is known to lack."""
    rights = api.get("ListBackendRights").results["Rights"]
    return {right["Action"].lower() for right in rights if right["Has"] is False}


def custom_roles(app: InstalledApp) -> Iterator[dict[str, Any]]:
    """Yield the custom roles that are assigned to the app."""
    call = app.deployments.admin.call
    held = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
    ids = {a["properties"]["roleDefinitionId"] for a in held if a["properties"]["principalId"] == app.principal}
    for definition in call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]:
        if definition["id"] in ids:
            assert definition["properties"]["type"] == "CustomRole"
            yield definition


def test_template_gives_the_app_custom_roles_alone(azure: Sandbox) -> None:
    app = prepared(azure, FUNCTIONS, enableControls=True, enableRotation=True)
    found = sorted(role["properties"]["roleName"].split(": ")[1].partition(" ")[0] for role in custom_roles(app))
    assert found == ["app", "read", "self", "staticWebApp", "tables"]


@pytest.mark.slow(reason="it redefines each role many times")
@pytest.mark.parametrize(
    ("shape", "mode"),
    [(FUNCTIONS, MODES[-1]), (CONTAINER, MODES[-1]), (FUNCTIONS, MODES[0])],
    ids=["functions", "container", "functions-observe"],
)
def test_something_is_missing_without_any_single_action(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any], mode: dict[str, bool]
) -> None:
    if shape is FUNCTIONS:
        Admin(azure).let_roles_count()
    app = prepared(azure, shape, **mode)
    unneeded = []
    for role in list(custom_roles(app)):
        for kind in ("actions", "dataActions"):
            granted = role["properties"]["permissions"][0][kind]
            for first in range(0, len(granted), AT_ONCE):
                some = granted[first : first + AT_ONCE]
                redefine(app, role, kind, without=some)
                lacking = refused(app.api(monkeypatch))
                for action in (one for one in some if one.lower() not in lacking):  # what the app reads otherwise
                    redefine(app, role, kind, without=[action])
                    unneeded += [] if missing(app.api(monkeypatch)) else [action]
                redefine(app, role, kind)
    assert missing(app.api(monkeypatch)) == []
    assert unneeded == []


def redefine(app: InstalledApp, role: dict[str, Any], kind: str, *, without: Collection[str] = ()) -> None:
    """Write a role of the app without some of its actions."""
    changed = copy.deepcopy(role["properties"])
    permission = changed["permissions"][0]
    permission[kind] = [action for action in permission[kind] if action not in without]
    app.deployments.admin.call("PUT", role["id"], ROLES_API, {"properties": changed})


@IN_EACH_MODE
def test_something_is_missing_without_any_permission_on_secrets(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, mode: dict[str, bool]
) -> None:
    app = prepared(azure, FUNCTIONS, **mode)
    policies = app.deployments.admin.call("GET", VAULT, "2023-07-01")["properties"]["accessPolicies"]
    (granted,) = [one["permissions"]["secrets"] for one in policies if one["objectId"] == app.principal]
    for permission in granted:
        app.deployments.admin.set_policy(*(set(granted) - {permission}), principal=app.principal)
        assert permission in [action for action, _ in missing(app.api(monkeypatch))]


def test_a_mode_with_less_loses_the_actions_of_the_former_one(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    app = prepared(azure, FUNCTIONS, enableControls=True, enableRotation=True)
    app.deploy(enableControls=False, enableRotation=False)
    actions = {action for role in custom_roles(app) for action in role["properties"]["permissions"][0]["actions"]}
    assert not actions & (
        set(roles()["functions"]["app"]["controls"]["actions"]) - {"Microsoft.Web/sites/config/list/action"}
    )
    assert missing(app.api(monkeypatch)) == []


@IN_EACH_MODE
def test_rows_of_tables_can_be_deleted_only_with_an_option(azure: Sandbox, mode: dict[str, bool]) -> None:
    app = prepared(azure, FUNCTIONS, **mode)
    (role,) = [role for role in custom_roles(app) if ": tables " in role["properties"]["roleName"]]
    actions = role["properties"]["permissions"][0]["dataActions"]
    assert any(action.endswith("/entities/delete") for action in actions) == any(mode.values())
    app.deploy(enableControls=False, enableRotation=False)
    (role,) = [role for role in custom_roles(app) if ": tables " in role["properties"]["roleName"]]
    assert not [action for action in role["properties"]["permissions"][0]["dataActions"] if action.endswith("/delete")]


BUILT_IN = {
    "observe": {"Reader", "Storage Table Data Contributor"},
    "controls": {"Reader", "Storage Table Data Contributor", "Website Contributor", "Contributor"},
}


def assigned_roles(app: InstalledApp) -> set[str]:
    """The names of the roles on CIPP's resources that are assigned to the app."""
    call = app.deployments.admin.call
    assigned = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
    ids = {a["properties"]["roleDefinitionId"] for a in assigned if a["properties"]["principalId"] == app.principal}
    definitions = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]
    return {one["properties"]["roleName"] for one in definitions if one["id"] in ids}


def test_built_in_roles_grant_no_write_on_apps_when_observing(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    app = prepared(azure, FUNCTIONS, useBuiltInRoles=True)
    assert assigned_roles(app) == BUILT_IN["observe"]
    lacking = {action for action, _ in missing(app.api(monkeypatch))}
    assert lacking == {
        "Microsoft.Web/sites/config/list/action",
        "Microsoft.Web/staticSites/authproviders/listUsers/action",
    }


def test_built_in_roles_stay_until_removed_when_option_is_taken_back(azure: Sandbox) -> None:
    app = prepared(azure, FUNCTIONS, useBuiltInRoles=True, enableControls=True)
    assert assigned_roles(app) == BUILT_IN["controls"]
    app.deploy(enableControls=False)
    assert assigned_roles(app) == BUILT_IN["controls"]  # an incremental deployment deletes nothing
    call = app.deployments.admin.call
    assigned = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
    for assignment in assigned:  # as in docs/deploy.md. The lock protects those in the app's own group
        if assignment["properties"]["principalId"] == app.principal and not assignment["id"].startswith(OWN_GROUP):
            call("DELETE", assignment["id"], ROLES_API)
    assert assigned_roles(app) == {"Reader"}
    app.deploy()
    assert assigned_roles(app) == BUILT_IN["observe"]


def actions_of_static_web_apps() -> set[str]:
    """Return the action of each POST route of azure-mgmt-web below a static web app, in lower case."""
    (source,) = Path(azure.mgmt.web.operations.__file__).parent.glob("_operations.py")
    found = set()
    for request in re.split(r"\n(?=def build_)", source.read_text(encoding="utf-8")):
        if 'HttpRequest(method="POST"' not in request:
            continue
        url = "".join(re.findall(r'"([^"]*)"', request.partition("_url = ")[2].partition("path_format_arguments")[0]))
        if "/Microsoft.Web/staticSites/{" in url:
            found.add(re.sub(r"/{[^}]*}", "", url.partition("/providers/")[2]).lower() + "/action")
    return found


def test_role_on_static_web_app_has_no_action_without_a_call() -> None:
    called = {action.lower() for action in ON_STATIC_WEB_APP}
    known = actions_of_static_web_apps()
    assert "microsoft.web/staticsites/createuserinvitation/action" in known
    left_out = {action.lower() for action in ROLE_NOT_ACTIONS}
    assert known - called <= left_out
    assert not called & left_out


def test_controls_change_the_users_of_a_container_by_the_role_on_tables(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = prepared(azure, CONTAINER, enableControls=True, enableRotation=False)
    api = app.api(monkeypatch)
    for _ in range(2):
        assert api.post("ExecBackendUserSet", {"User": "pat@contoso.com", "Roles": ["editor"]}).status == 200
    assert api.post("ExecBackendUserRemove", {"User": "pat@contoso.com"}).status == 200
    (role,) = [role for role in custom_roles(app) if ": tables " in role["properties"]["roleName"]]
    actions = role["properties"]["permissions"][0]["dataActions"]
    actions[:] = [action for action in actions if not action.endswith(("/write", "/action", "/delete"))]
    app.deployments.admin.call("PUT", role["id"], ROLES_API, {"properties": role["properties"]})
    answer = api.post("ExecBackendUserSet", {"User": "pat@contoso.com", "Roles": ["editor"]})
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert any("tables/entities" in action for action, _ in missing(app.api(monkeypatch)))
