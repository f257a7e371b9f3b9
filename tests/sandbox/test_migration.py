"""CIPP's migration script in the sandbox, step by step."""

import json

import pytest

from sandbox import names
from tests.support.sandbox_client import Sandbox

DEPLOYMENT = 12


@pytest.fixture
def prepared(sandbox: Sandbox) -> Sandbox:
    sandbox.reset(propagation_seconds=0, own_group=True)
    sandbox.control("POST", "migrate", {"prepare": True})
    return sandbox


def test_whole_migration_leaves_one_working_container(prepared: Sandbox) -> None:
    before = prepared.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"]
    prepared.control("POST", "migrate", {})
    prepared.advance(120)
    state = prepared.state()
    sites = {name: site["kind"] for name, site in state["sites"].items()}
    assert sites == {names.BACKEND_SITE: "functionapp,linux", names.VAULT: "app,linux,container"}
    assert state["staticSites"] == {}
    assert [(one["name"], one["phase"], one["works"]) for one in state["cipp"]] == [(names.VAULT, "Ready", True)]
    assert state["vaults"][names.VAULT]["secrets"]["RefreshToken"] == before
    assert "SAMCertificate" in state["vaults"][names.VAULT]["secrets"]


@pytest.mark.parametrize(
    ("step", "sites", "has_static", "is_linked"),
    [
        (6, {names.MAIN_SITE, names.OFFLOAD_SITE}, True, True),
        (7, {names.MAIN_SITE, names.OFFLOAD_SITE}, True, False),
        (8, set(), True, False),
        (11, set(), True, False),
        (12, {names.VAULT}, True, False),
        (13, {names.VAULT}, False, False),
    ],
)
@pytest.mark.every_case
def test_migration_stops_after_a_step_and_continues(
    prepared: Sandbox, step: int, sites: set[str], has_static: bool, is_linked: bool
) -> None:
    prepared.control("POST", "migrate", {"stop_after": step})
    state = prepared.state()
    assert set(state["sites"]) - {names.BACKEND_SITE} == sites
    static = state["staticSites"].get(names.STATIC_SITE)
    assert (static is not None) == has_static
    assert bool(static and static["linkedBackends"]) == is_linked
    if step < DEPLOYMENT:  # after it, the script finds the container and its tag
        prepared.control("POST", "migrate", {})
    assert prepared.state()["sites"][names.VAULT]["kind"] == "app,linux,container"


def test_migration_deletes_this_app_in_cipps_group(sandbox: Sandbox) -> None:
    sandbox.reset()
    sandbox.control("POST", "migrate", {"prepare": True})
    sandbox.control("POST", "migrate", {})
    assert set(sandbox.state()["sites"]) == {names.VAULT}


@pytest.mark.parametrize("body", [{"stop_after": 5}, {"stop_after": 14}, {"stop_after": True}, {"prepare": 1}, []])
@pytest.mark.every_case
def test_migration_refuses_another_body(prepared: Sandbox, body: object) -> None:
    assert prepared.refused("migrate", json.dumps(body).encode())[0] == 400


def test_migration_is_refused_without_a_sign_in_and_when_it_is_complete(sandbox: Sandbox) -> None:
    sandbox.reset(own_group=True)
    assert sandbox.refused("migrate", b"{}")[0] == 400
    sandbox.control("POST", "migrate", {"prepare": True})
    sandbox.control("POST", "migrate", {})
    assert sandbox.refused("migrate", b"{}")[0] == 400
