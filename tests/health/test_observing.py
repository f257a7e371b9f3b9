"""What an installation does without controls or rotation: it reads, checks and makes dry runs, and writes nothing."""

import json
import logging
import re
from typing import Any

import pytest

import function_app
from backend.configuration.mode import Option
from sandbox.tables.shared_key import is_by_key
from settings.http.process import services
from settings.http.routes import Route, all_routes
from tests.examples import OF_A_CONTAINER
from tests.support import phrases
from tests.support.admin import GROUP, Admin
from tests.support.api import Api
from tests.support.bodies import body_of, can_be_dry
from tests.support.sandbox_client import Sandbox

WRITES = [route for route in all_routes(function_app.PAGES) if route.body is not None]
HARMLESS = {"ExecKeyProof"}  # signs in with keys, and changes nothing
READS = [route for route in all_routes(function_app.PAGES) if route.body is None and route.method == "GET"]
OWN_TABLES = {  # decision 22: the role is on the whole account, so the code keeps the rest unchanged
    "CippBackendInstallation",
    "CippBackendKeys",
    "CippLogs",
}
SECRETS = "Microsoft.KeyVault/vaults/secrets"
SETTINGS, USERS = "Microsoft.Web/sites/config/list/action", "Microsoft.Web/staticSites/authproviders/listUsers/action"


def turn_off(monkeypatch: pytest.MonkeyPatch, *options: Option) -> Api:
    for option in options:
        monkeypatch.setenv(option.setting, "false")
    return Api()


def writes_in(azure: Sandbox) -> list[str]:
    """Every write to CIPP's resources, its vault and its app registration, without this app's own rows."""
    return [
        f"{call['method']} {call['host']}{call['path']}"
        for call in azure.calls()
        if call["method"] not in ("GET", "HEAD")
        and not call["host"].startswith("login.")
        and not call["path"].endswith(("/config/appsettings/list", "/listUsers"))
        and ".table." not in call["host"]
    ]


def test_every_write_operation_has_an_option_or_changes_nothing() -> None:
    assert {route.name for route in WRITES if route.option is None} == HARMLESS
    assert all(can_be_dry(route) for route in WRITES if route.option)


@pytest.mark.parametrize("route", [route for route in WRITES if route.option], ids=lambda route: route.name)
def test_write_operation_names_its_option_when_that_is_off(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    assert route.option
    if route.name in OF_A_CONTAINER:
        azure.reset(propagation_seconds=0, shape="container", start_seconds=0.1)
    api = turn_off(monkeypatch, route.option)
    refused = api.post(route.name, body_of(route, dry_run=False))
    assert refused.status == 409
    assert route.option.setting in refused.body["Results"]
    assert route.option.parameter in json.dumps(refused.body)
    assert writes_in(azure) == []


@pytest.mark.parametrize("option", Option)
def test_dry_runs_work_when_the_option_is_off(azure: Sandbox, monkeypatch: pytest.MonkeyPatch, option: Option) -> None:
    del azure
    api = turn_off(monkeypatch, *Option)
    name, body = {
        Option.CONTROLS: ("ExecFunctionAppStop", {"DryRun": True}),
        Option.ROTATION: ("ExecKeyRotation", {"DryRun": True}),
    }[option]
    answer = api.post(name, body)
    assert (answer.status, bool(answer.results["WouldDo"])) == (200, True)


@pytest.mark.parametrize("timer", ["weekly", "catch_up"])
def test_timers_only_check_the_keys_without_rotation(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, timer: str, caplog: pytest.LogCaptureFixture
) -> None:
    turn_off(monkeypatch, Option.ROTATION)
    before = azure.state()["vaults"]
    with caplog.at_level(logging.INFO):
        getattr(services().rotation_by_clock, timer)()
    assert azure.state()["vaults"] == before
    assert writes_in(azure) == []
    assert "ENABLE_ROTATION" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def table_writes(azure: Sandbox) -> set[tuple[str, str]]:
    """Return each method that changed a table or its rows, with the table."""
    found = set()
    for call in azure.calls(tables=True):
        method, body, path = call["method"], call["request_body"] or "", call["path"].rstrip("/")
        by_key = is_by_key(call["url"].partition(":")[0], call["path"])
        if (".table." not in call["host"] and not by_key) or method in ("GET", "HEAD"):
            continue
        if path.endswith("$batch"):
            found |= set(re.findall(r"^([A-Z]+) \S*?/(\w+)(?:\(\S*)? HTTP", body, re.MULTILINE))
        elif path.endswith("/Tables"):
            found.add((method, json.loads(body)["TableName"]))
        else:
            found.add((method, re.sub(r"\(.*", "", path.rpartition("/")[2])))
    return found


@pytest.mark.slow("two timers, and every endpoint three times")
@pytest.mark.parametrize("shape", ["functions", "container"])
@pytest.mark.each_value
def test_observing_installation_writes_its_own_tables_and_the_logbook_alone(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    azure.reset(shape=shape, propagation_seconds=0)
    api = turn_off(monkeypatch, *Option)
    services().rotation_by_clock.weekly()
    services().rotation_by_clock.catch_up()
    for route in READS:
        api.get(route.name)
    for route in WRITES:
        api.post(route.name, body_of(route, dry_run=False))
        api.post(route.name, body_of(route, dry_run=True))
    writes = table_writes(azure)
    assert {"CippLogs", "CippBackendKeys"} <= {table for _, table in writes} <= OWN_TABLES
    assert "DELETE" not in {method for method, _ in writes}  # its role lacks it


def test_time_zone_is_another_table_that_controls_write(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    api = turn_off(monkeypatch, Option.ROTATION)
    (route,) = [route for route in WRITES if route.name == "ExecTimeSettings"]
    assert api.post(route.name, body_of(route, dry_run=False)).status == 200
    assert "Config" in {table for _, table in table_writes(azure)}


def test_overview_shows_the_mode_and_how_to_allow_the_rest(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    del azure
    shown = turn_off(monkeypatch, Option.ROTATION).get("ListBackend").results
    assert shown["Mode"] == "controls"
    (note,) = shown["ModeNotes"]
    assert "enableRotation" in note


def test_overview_of_the_keys_promises_no_run_without_rotation(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.reset(propagation_seconds=0)
    monkeypatch.setenv("KEY_ROTATION_SCHEDULE", "0 0 * * 6")
    rotates = Api().get("ListKeyRotations").results
    assert "ENABLE_ROTATION" not in json.dumps(rotates)
    assert any(phrases.NEXT_RUN in note for note in rotates["Notes"])
    api = turn_off(monkeypatch, *Option)
    shown = api.get("ListKeyRotations").results
    assert "ENABLE_ROTATION" in shown["Sentence"]
    assert [option.parameter in note for option, note in zip(Option, shown["Notes"], strict=False)] == [True, True]
    assert phrases.NEXT_RUN not in json.dumps(shown)
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "Keys"]
    assert "ENABLE_ROTATION" in card["State"]
    assert not [note for note in card["Notes"] if "every Saturday" in note]


def test_dry_run_states_first_that_no_run_follows(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    del azure
    planned = turn_off(monkeypatch, Option.ROTATION).post("ExecKeyRotation", {"DryRun": True}).results
    assert Option.ROTATION.parameter in planned["Warnings"][0]


def needed(api: Api) -> dict[str, list[str]]:
    """The permissions that an installation needs, by their kind."""
    rights: list[dict[str, Any]] = api.get("ListBackendRights").results["Rights"]
    return {
        kind: [right["Action"] for right in rights if right["Kind"] == kind] for kind in ("azure", "vault", "graph")
    }


def test_an_observing_installation_needs_no_permission_to_change(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    del azure
    found = needed(turn_off(monkeypatch, *Option))
    assert found["vault"] == ["get", "list"]
    assert {name for name in found["azure"] if not name.endswith("/read")} == {SETTINGS, USERS}
    assert not [name for name in found["graph"] if ".ReadWrite." in name]


@pytest.mark.parametrize("option", Option)
def test_an_option_adds_its_own_permissions_alone(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, option: Option
) -> None:
    (off,) = set(Option) - {option}
    del azure
    found = needed(turn_off(monkeypatch, off))
    assert ("set" in found["vault"]) == (option is Option.ROTATION)
    assert ("Microsoft.Web/sites/stop/action" in found["azure"]) == (option is Option.CONTROLS)


def test_an_observing_installation_lacks_nothing_with_reading_alone(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, admin = turn_off(monkeypatch, *Option), Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", GROUP)
    admin.set_policy("get", "list")
    missing = api.get("ListBackendRights").results
    assert {right["Action"] for right in missing["Rights"] if right["Has"] is False} == {SETTINGS, USERS}
    assert len(missing["Commands"]) == 3  # the main app, the offload app and the static web app


def test_refusal_by_azure_names_the_option_that_grants_the_permission(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", GROUP)
    refused = api.post("ExecFunctionAppStop", {})
    assert refused.body["azureStatus"] == 403
    assert "enableControls" in refused.text


def test_this_app_in_its_own_group_needs_to_read_itself(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    del azure
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "elsewhere")
    monkeypatch.setenv("CIPP_RESOURCE_GROUP", GROUP.rpartition("/")[2])
    rights = Api().get("ListBackendRights").results["Rights"]
    own = [right for right in rights if "/resourceGroups/elsewhere/" in right["Scope"]]
    assert {right["Action"] for right in own} == {
        "Microsoft.Web/sites/config/read",
        "Microsoft.Web/sites/functions/read",
    }


def test_secrets_are_only_read_by_role_without_rotation(azure: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    api, admin = turn_off(monkeypatch, *Option), Admin(azure)
    admin.let_roles_count()
    actions = [right["Action"] for right in api.get("ListBackendRights").results["Rights"] if right["Kind"] == "vault"]
    assert actions == [f"{SECRETS}/getSecret/action", f"{SECRETS}/readMetadata/action"]
