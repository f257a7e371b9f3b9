"""The states that a migration or an admin leaves, as warnings of the links and problems of the cards."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backend.installation.main_app import MainApp
from backend.installation.shape import Shape
from backend.installation.states import Seen, pinned, states_of
from sandbox import names
from settings.http.process import services
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

PLAN = "/subscriptions/s/resourceGroups/CIPP/providers/Microsoft.Web/serverfarms/plan"
CONTAINER: dict[str, Any] = {"name": "cippabc12", "kind": "app,linux,container", "properties": {"serverFarmId": PLAN}}
FUNCTIONS: dict[str, Any] = {"name": "cippold", "kind": "functionapp,linux"}
ON: dict[str, Any] = {
    "platform": {"enabled": True},
    "identityProviders": {"azureActiveDirectory": {"registration": {"clientId": "27d6a1f8"}}},
}


def main_app(image: str = "DOCKER|ghcr.io/cyberdrain/cipp:latest", **site: object) -> MainApp:
    return MainApp(Shape.CONTAINER, {**CONTAINER, **site}, {"properties": {"linuxFxVersion": image}})


def seen(**changes: Any) -> Seen:  # noqa: ANN401 - fields of several types
    normal: dict[str, Any] = {
        "main_app": main_app(),
        "name": "cippabc12",
        "group": "cipp",
        "vault": "cippabc12",
        "this_app": "cipp-backend",
        "vault_exists": True,
        "vaults_in_group": {"cippabc12"},
        "sites": [CONTAINER],
        "static_web_apps": [],
        "auth": ON,
        "settings": {},
        "sso_app_id": "27D6A1F8",
    }
    return Seen(**{**normal, **changes})


GONE = MainApp(Shape.UNKNOWN, exists=False)
OFF = {**ON, "platform": {"enabled": False}}
NO_CLIENT: dict[str, Any] = {"platform": {"enabled": True}}
OTHER = {**CONTAINER, "name": "cipptest"}
OURS = {"name": "CIPP-backend", "kind": "functionapp,linux"}
THEIRS = {"serverFarmId": PLAN.replace("CIPP", "shared")}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"main_app": GONE}, ["S3"]),
        ({"main_app": GONE, "vault": "other"}, ["S3"]),
        ({"main_app": GONE, "vaults_in_group": {"other"}}, []),
        ({"main_app": GONE, "vaults_in_group": set(), "sites": [CONTAINER, OTHER]}, ["S11"]),
        ({"main_app": GONE, "sites": [CONTAINER, OTHER]}, ["S3", "S11"]),
        ({"main_app": GONE, "sites": []}, ["S6"]),
        ({"main_app": GONE, "sites": [OURS]}, ["S6"]),
        ({"main_app": GONE, "sites": [FUNCTIONS]}, []),
        ({"main_app": GONE, "sites": [], "vaults_in_group": set()}, []),
        ({"main_app": GONE, "sites": [], "vault": "elsewhere"}, []),
        ({"main_app": GONE, "sites": None}, []),
        ({"main_app": MainApp(Shape.UNKNOWN, exists=None), "sites": []}, []),
        ({"was_functions": True, "was_principal": "p"}, ["S4"]),
        ({"sites": [CONTAINER, FUNCTIONS]}, ["S5"]),
        ({"sites": [CONTAINER, OURS]}, ["S5"]),
        ({"static_web_apps": [{"name": "cipp-swa-abc12"}]}, ["S7"]),
        ({"auth": OFF}, ["S8"]),
        ({"auth": NO_CLIENT}, ["S8"]),
        ({"auth": {}}, []),
        ({"auth": {**ON, "platform": {"enabled": "True"}}}, []),
        ({"auth": {**ON, "platform": None}}, ["S8"]),
        ({"auth": None}, []),
        ({"main_app": main_app("DOCKER|ghcr.io/cyberdrain/cipp:10.8.4")}, ["S9"]),
        ({"sites": [CONTAINER, OTHER]}, ["S11"]),
        ({"vault": "other"}, ["S12"]),
        ({"vault": "other", "settings": {"cipp_kv_name": "OTHER"}}, []),
        ({"vault": "other", "settings": {"cipp_kv_name": "third"}}, ["S12"]),
        ({"vault": "other", "settings": None}, ["S12"]),
        ({"vault_exists": False}, ["S12"]),
        ({"sso_app_id": "another"}, ["S13"]),
        ({"sso_app_id": ""}, []),
        ({"sso_app_id": None}, []),
        ({"main_app": main_app(properties=THEIRS)}, ["S14"]),
        ({"settings": {"cipp_hosted": "True"}}, ["S15"]),
        ({"auth": OFF, "static_web_apps": [{"name": "x"}], "vault": "other"}, ["S8", "S12", "S7"]),
    ],
)
def test_states_follow_from_the_observed_facts(changes: Mapping[str, object], codes: list[str]) -> None:
    found = states_of(seen(**changes))
    assert [state.code for state in found] == codes
    severe = [state.is_severe for state in found]
    assert severe == sorted(severe, reverse=True)


@pytest.mark.parametrize(
    ("settings", "is_severe"), [({}, True), (None, False)], ids=["known settings", "unknown settings"]
)
def test_wrong_vault_is_certain_only_if_the_settings_were_read(settings: object, is_severe: bool) -> None:
    (state,) = states_of(seen(vault="other", settings=settings))
    assert state.is_severe is is_severe
    assert ("not certain" in state.text) is not is_severe


@pytest.mark.parametrize(
    ("image", "is_pinned"),
    [
        ("DOCKER|ghcr.io/cyberdrain/cipp:latest", False),
        ("DOCKER|ghcr.io/cyberdrain/cipp:DEV", False),
        ("DOCKER|ghcr.io/cyberdrain/cipp:nightly", False),
        ("DOCKER|ghcr.io/cyberdrain/cipp", False),
        ("DOCKER|localhost:5000/cipp", False),
        ("DOCKER|ghcr.io/cyberdrain/cipp:10.8.5", True),
        ("DOCKER|ghcr.io/cyberdrain/cipp:feat-x", True),
        ("DOCKER|ghcr.io/cyberdrain/cipp@sha256:0af1", True),
        ("sitecontainers", False),
        ("", False),
    ],
)
def test_image_outside_the_public_tags_is_pinned(image: str, is_pinned: bool) -> None:
    assert (pinned(image) is not None) is is_pinned


def functions_before(azure: Sandbox) -> None:
    """Let this app see function apps under the same name first."""
    azure.reset(propagation_seconds=0)
    Api().get("ExecBackendURLs")
    services().installation_states.remember()


def nothing_before(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0)


CASES: list[tuple[dict[str, object], str, str, Callable[[Sandbox], None]]] = [
    ({"state": "S3"}, "FunctionApp", "cippxyz89", nothing_before),
    ({"state": "S4"}, "WebApp", "identity changed", functions_before),
    ({"state": "S5"}, "WebApp", "cippabc12-proc", nothing_before),
    ({"state": "S6"}, "FunctionApp", "CIPP is down", nothing_before),
    ({"state": "S7"}, "WebApp", "cipp-swa-abc12", nothing_before),
    ({"sign_in_off": True}, "SignIn", "superadmin", nothing_before),
    ({"pinned": "digest"}, "WebApp", "digest", nothing_before),
    ({"pinned": "10.8.4"}, "WebApp", "10.8.4", nothing_before),
    ({"state": "S11"}, "WebApp", "cippabc12-test", nothing_before),
    ({"state": "S12"}, "WebApp", "CIPP_KV_NAME", nothing_before),
    ({"state": "S13"}, "SignIn", "SSOAppId", nothing_before),
    ({"state": "S14"}, "AppServicePlan", "shared-plans", nothing_before),
]


@pytest.mark.parametrize(("options", "card", "text", "before"), CASES, ids=lambda value: str(value)[:24])
def test_state_is_shown_in_the_links_and_on_its_card(
    azure: Sandbox, options: dict[str, object], card: str, text: str, before: Callable[[Sandbox], None]
) -> None:
    before(azure)
    azure.reset(propagation_seconds=0, shape="container", **options)
    api = Api()
    warnings = api.get("ExecBackendURLs").results["Warnings"]
    assert [warning for warning in warnings if text in warning] != []
    cards = api.get("ListBackend").results["Cards"]
    shown = [problem for found in cards if found["Kind"] == card for problem in found["Problems"]]
    assert [problem for problem in shown if text in problem] != []


def test_sign_in_that_is_off_comes_first(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container", sign_in_off=True)
    assert "superadmin" in Api().get("ExecBackendURLs").results["Warnings"][0]


def test_function_apps_have_no_states(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0)
    Api()
    assert services().installation_states.states() == []
    assert names.MAIN_SITE in str(services().discovery.main_app.seen().site)
