"""What CIPP's migration script takes and deletes, as pure functions."""

from dataclasses import replace
from typing import Any

import pytest

from backend.hosting.functions.migration.people import findings_on_users, moved
from backend.hosting.functions.migration.script import (
    Group,
    creates_site,
    deleted_by,
    findings_on,
    lost_settings,
    lost_tags,
    main_settings_of,
    picks_of,
)
from backend.hosting.results.static_web_app import User

Json = Any  # what JSON may hold
PLAN = "/plans/p1"
APP = {"name": "cippabc12", "kind": "functionapp", "properties": {"serverFarmId": PLAN}}
OFFLOAD = {"name": "cippabc12-proc", "kind": "functionapp", "properties": {"serverFarmId": PLAN}}
CONTAINER = {"name": "other", "kind": "app,linux,container", "properties": {"serverFarmId": "/plans/p2"}}
OWN = {"name": "backend", "kind": "functionapp,linux", "properties": {"serverFarmId": "/plans/p3"}}
THEIRS = {"name": "shop", "kind": "app", "properties": {"serverFarmId": "/plans/p1"}}


def resource(kind: str, name: str, resource_id: str = "") -> dict[str, Json]:
    return {"type": kind, "name": name, "id": resource_id}


STORAGE = resource("Microsoft.Storage/storageAccounts", "cippstg")
VAULT = resource("Microsoft.KeyVault/vaults", "cippabc12")
STATIC = resource("Microsoft.Web/staticSites", "cipp-swa")
PLANS = resource("Microsoft.Web/serverFarms", "p1", PLAN)
GROUP = Group(
    main_app="CIPPabc12",
    this_app="backend",
    vault="cippabc12",
    account="cippstg",
    static_web_app="cipp-swa",
    resources=[STORAGE, VAULT, STATIC, PLANS],
    sites=[APP, OFFLOAD],
    shares=["cippabc12a1b2"],
)


def blocking(group: Group) -> list[str]:
    found = findings_on(group, picks_of(group), deleted_by(group))
    return [finding.part for finding in found if finding.severity == "Blocking"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, []),
        ({"sites": [OWN, APP]}, ["Deleted", "Picks"]),  # it has no dash, so it is also taken for the main app
        ({"sites": [APP, {**OWN, "name": "cippabc12-backend"}], "this_app": "cippabc12-backend"}, ["Deleted"]),
        ({"sites": [APP, THEIRS]}, ["Picks", "Deleted"]),
        ({"sites": [APP, CONTAINER]}, ["Picks"]),
        ({"resources": [resource(STORAGE["type"], "another"), STORAGE, VAULT]}, ["Picks"]),
        ({"resources": [STORAGE, resource(STORAGE["type"], "another"), VAULT]}, ["Picks"]),
        ({"resources": [STORAGE, resource(VAULT["type"], "another"), VAULT]}, ["Picks"]),
        ({"resources": [STORAGE, VAULT, resource(STATIC["type"], "docs"), STATIC]}, ["Picks"]),
        ({"resources": [VAULT]}, ["Picks"]),
        ({"resources": [STORAGE, VAULT, resource("microsoft.insights/components", "shop")]}, ["Deleted"]),
        ({"resources": [STORAGE, VAULT, resource("microsoft.insights/components", "CIPPabc12-proc")]}, []),
        (
            {"resources": [STORAGE, VAULT, resource("microsoft.insights/components", "cippabc12-customers")]},
            ["Deleted"],
        ),
        ({"resources": [STORAGE, VAULT, resource("microsoft.insights/components", "cippabc123")]}, ["Deleted"]),
        ({"shares": ["cippabc12", "cippabc12-procb9f3", "cippabc12-auditlog091999e2"]}, []),
        ({"shares": ["backups"]}, ["Deleted"]),
        ({"shares": ["cippabc12-exports"]}, ["Deleted"]),
        ({"shares": ["cippabc12exports"]}, ["Deleted"]),
        ({"shares": ["cippabc12-b9f3"]}, ["Deleted"]),
        ({"shares": ["backend-exports"]}, ["Deleted"]),
    ],
)
def test_findings_block_what_is_not_cipps(changes: dict[str, Json], parts: list[str]) -> None:
    assert blocking(replace(GROUP, **changes)) == parts


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({}, []),
        ({"account": ""}, ["Picks"]),
        ({"account": "", "vault": "", "static_web_app": ""}, ["Picks"] * 3),
        ({"static_web_app": "", "resources": [STORAGE, VAULT]}, []),
    ],
)
def test_pick_is_unknown_if_cipps_own_is(changes: dict[str, Json], unknown: list[str]) -> None:
    group = replace(GROUP, **changes)
    found = findings_on(group, picks_of(group), deleted_by(group))
    assert [finding.part for finding in found if finding.severity == "Unknown"] == unknown


@pytest.mark.parametrize(
    ("sites", "busy", "deleted"),
    [
        ([APP, OFFLOAD], set(), True),
        ([APP, {**CONTAINER, "properties": {"serverFarmId": PLAN}}], set(), False),
        ([APP], {PLAN}, False),
        ([{**APP, "properties": {}}], set(), False),
    ],
)
def test_plan_is_deleted_if_no_other_app_is_on_it(sites: list[Json], busy: set[str], deleted: bool) -> None:
    group = replace(GROUP, sites=sites, busy_plans=busy)
    assert ("p1" in [one.name for one in deleted_by(group)]) is deleted


def test_slots_and_the_static_web_app_are_deleted() -> None:
    slot = {**APP, "name": "cippabc12/staging", "type": "Microsoft.Web/sites/slots"}
    own_slot = {**OWN, "name": "backend/staging"}
    theirs = {**THEIRS, "name": "shop/staging"}
    kept = {**CONTAINER, "name": "other/staging"}
    group = replace(
        GROUP,
        sites=[slot, APP, own_slot, theirs, kept],
        resources=[STORAGE, VAULT, STATIC, resource(STATIC["type"], "x")],
    )
    found = {one.name: (one.type.rpartition("/")[2], one.is_cipps, one.is_this_app) for one in deleted_by(group)}
    assert found == {
        "cippabc12": ("sites", True, False),
        "cippabc12/staging": ("slots", True, False),
        "backend/staging": ("slots", False, True),
        "shop/staging": ("slots", False, False),
        "cippabc12a1b2": ("shares", True, False),
        "cipp-swa": ("staticSites", True, False),
    }
    assert picks_of(group)[0].name == "cippabc12"
    (unknown,) = [one for one in deleted_by(replace(group, static_web_app="")) if one.name == "cipp-swa"]
    assert not unknown.is_cipps
    assert "Deleted" not in blocking(replace(GROUP, static_web_app="", resources=[STORAGE, VAULT, STATIC]))


@pytest.mark.parametrize(
    ("sites", "creates"),
    [
        ([APP], True),
        ([], True),
        ([APP, CONTAINER], True),
        ([APP, {**CONTAINER, "name": "CIPPabc12"}], False),
    ],
)
def test_roles_on_the_site_are_removed_if_the_script_creates_it(sites: list[Json], creates: bool) -> None:
    assert creates_site(replace(GROUP, sites=sites)) is creates


def test_container_gets_the_name_of_the_vault() -> None:
    group = replace(GROUP, vault="cippxyz89", resources=[STORAGE, resource(VAULT["type"], "cippxyz89")])
    found = [one for one in findings_on(group, picks_of(group), deleted_by(group)) if one.part == "Name"]
    assert [one.severity for one in found] == ["Note"]


@pytest.mark.parametrize(
    ("name", "roles", "after", "has_problem"),
    [
        ("alex@contoso.com", ["superadmin", "editor"], ["superadmin"], False),
        ("alex@contoso.com", ["editor", "Helpdesk"], ["editor", "Helpdesk"], False),
        ("alex@contoso.com", ["editor", "gone"], ["editor"], True),
        ("alex@contoso.com", ["Full Editor"], ["fulleditor"], False),
        ("alex@contoso.com", ["editor", "help desk"], ["editor"], True),
        ("alex@contoso.com", ["gone"], [], True),
        ("alex", ["superadmin"], [], True),
        ("alex@contoso.com", [], [], False),
    ],
)
def test_user_keeps_the_roles_that_exist(name: str, roles: list[str], after: list[str], has_problem: bool) -> None:
    user = User(user_id="1", display_name=name, provider="aad", roles=roles, unknown_roles=[])
    shown = moved(user, {"helpdesk", "fulleditor"})
    assert (shown.roles_after, shown.problem is not None) == (after, has_problem)


@pytest.mark.parametrize(
    ("roles", "severities"),
    [
        (["superadmin"], []),
        (["editor"], ["Blocking"]),
        (["superadmin", "gone"], ["Loss"]),
        (["gone"], ["Blocking", "Loss"]),
    ],
)
def test_migration_is_blocked_while_no_user_becomes_superadmin(roles: list[str], severities: list[str]) -> None:
    users = [
        moved(
            User(user_id=role, display_name=f"{role}@contoso.com", provider="aad", roles=[role], unknown_roles=[]), ()
        )
        for role in roles
    ]
    assert [one.severity for one in findings_on_users(users)] == severities


@pytest.mark.parametrize(
    ("settings", "account"),
    [
        ({"AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=cippstg;AccountKey=x"}, "cippstg"),
        ({"AzureWebJobsStorage__accountName": "cippstg"}, "cippstg"),
        ({"AzureWebJobsStorage": "@Microsoft.KeyVault(SecretUri=x)"}, ""),
        ({}, ""),
    ],
)
def test_account_is_that_of_the_main_apps_setting(settings: dict[str, str], account: str) -> None:
    assert main_settings_of(settings).account == account


def test_losses_name_only_what_someone_added() -> None:
    assert lost_tags(["NG", "Linux", "cost", "hidden-title"]) == ["cost"]
    assert lost_settings(["AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME", "MY_SETTING"]) == ["MY_SETTING"]
