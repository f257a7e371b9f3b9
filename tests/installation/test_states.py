"""The states that a migration or an admin leaves, as warnings of the links and problems of the cards."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.installation.main_app import MainApp
from backend.installation.shape import Shape
from backend.installation.states.container import pinned
from backend.installation.states.state import Seen
from backend.installation.states.states import states_of
from sandbox import names
from settings.http.process import services
from tests.support import phrases
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
        "storage_in_group": {"cippstgabc12"},
        "sites": [CONTAINER],
        "static_web_apps": [],
        "auth": ON,
        "settings": {},
        "sso_app_id": "27D6A1F8",
    }
    return Seen(**{**normal, **changes})


GONE = MainApp(Shape.UNKNOWN, exists=False)
AS_FUNCTIONS = MainApp(Shape.FUNCTIONS, FUNCTIONS)
SLOT = {**CONTAINER, "name": "CIPPabc12/staging", "type": "Microsoft.Web/sites/slots"}
STOPPED = {"serverFarmId": PLAN, "state": "Stopped"}
OFF = {**ON, "platform": {"enabled": False}}
NO_CLIENT: dict[str, Any] = {"platform": {"enabled": True}}
OTHER = {**CONTAINER, "name": "cipptest"}
OFFLOAD = {"name": "CIPPabc12-proc", "kind": "functionapp,linux"}
OF_ANOTHER = {"name": "cippxyz89-proc", "kind": "functionapp,linux"}
OURS = {"name": "CIPP-backend", "kind": "functionapp,linux"}
THEIRS = {"serverFarmId": PLAN.replace("CIPP", "shared")}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"vault": ""}, []),
        ({"main_app": GONE}, ["S3"]),
        ({"main_app": GONE, "vault": "other"}, ["S3"]),
        ({"main_app": GONE, "vaults_in_group": {"other"}}, []),
        ({"main_app": GONE, "vaults_in_group": set(), "sites": [CONTAINER, OTHER]}, ["S11"]),
        ({"main_app": GONE, "sites": [CONTAINER, OTHER]}, ["S3", "S11"]),
        ({"main_app": GONE, "sites": []}, ["S6"]),
        ({"main_app": GONE, "sites": [OURS]}, ["S6"]),
        ({"main_app": GONE, "sites": [FUNCTIONS]}, ["S6"]),
        ({"main_app": GONE, "sites": [OFFLOAD, OURS]}, ["S6"]),
        ({"main_app": GONE, "sites": [OTHER]}, ["S6"]),
        ({"main_app": GONE, "sites": [], "storage_in_group": set()}, []),
        ({"main_app": GONE, "sites": [], "vaults_in_group": set()}, []),
        ({"main_app": GONE, "sites": [], "vault": "elsewhere"}, []),
        ({"main_app": GONE, "sites": None}, []),
        ({"main_app": MainApp(Shape.UNKNOWN, exists=None), "sites": []}, []),
        ({"group_tags": {"Linux": "true", "ng": "true"}}, ["S2"]),
        ({"group_tags": {"Linux": "true"}}, []),
        ({"was_functions": True, "was_principal": "p"}, ["S4"]),
        ({"was_functions": True, "group_tags": {"NG": "true"}}, ["S4"]),
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
        ({"main_app": main_app(properties=STOPPED)}, ["S10"]),
        ({"sites": [CONTAINER, OTHER]}, ["S11"]),
        ({"sites": [CONTAINER, SLOT]}, ["Slots"]),
        ({"sites": [CONTAINER, {**SLOT, "name": "another/staging"}]}, []),
        ({"main_app": AS_FUNCTIONS, "sites": [FUNCTIONS, OURS]}, []),
        ({"main_app": AS_FUNCTIONS, "sites": [FUNCTIONS, {**CONTAINER, "name": "cipp-backend"}]}, []),
        ({"main_app": AS_FUNCTIONS, "sites": [FUNCTIONS, CONTAINER]}, ["S5"]),
        ({"main_app": AS_FUNCTIONS, "sites": [FUNCTIONS, CONTAINER, OTHER], "static_web_apps": [{}]}, ["S5", "S11"]),
        ({"main_app": AS_FUNCTIONS, "sites": None}, []),
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
    assert (phrases.NOT_CERTAIN in state.text) is not is_severe


@pytest.mark.parametrize(
    ("sites", "is_certain"),
    [
        ([], True),
        ([OURS], True),
        ([OFFLOAD], True),
        ([SLOT], True),
        ([FUNCTIONS], False),
        ([OFFLOAD, FUNCTIONS], False),
        ([OF_ANOTHER], False),
        ([OTHER], False),
    ],
)
def test_broken_migration_is_certain_only_if_no_app_can_be_cipps(
    sites: list[dict[str, str]], *, is_certain: bool
) -> None:
    (state,) = states_of(seen(main_app=GONE, sites=sites))
    assert (state.code, state.is_severe) == ("S6", is_certain)
    assert (phrases.IS_DOWN in state.text) is is_certain
    assert ("CIPP_FUNCTION_APP" in state.text) is not is_certain
    assert all(site["name"] in state.text for site in sites if site not in (OURS, SLOT))


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
    ({"state": "S3"}, "MainApp", "cippxyz89", nothing_before),
    ({"state": "S4"}, "WebApp", "identity changed", functions_before),
    ({"state": "S5"}, "WebApp", "cippabc12-proc", nothing_before),
    ({"state": "S6"}, "MainApp", phrases.IS_DOWN, nothing_before),
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


LIST = f"/resourceGroups/{names.RESOURCE_GROUP}/providers/Microsoft.Web/sites$"


def shown_with(azure: Sandbox, *sites: dict[str, object], shape: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the warnings, and the problems by kind of card, if Azure lists these sites too."""
    azure.reset(propagation_seconds=0, shape=shape)
    Api()
    main = services().discovery.main_app.seen().site
    azure.faults([{"method": "GET", "path": LIST, "edit": [["value", [main, *sites]]], "times": 0}])
    api = Api()
    cards = api.get("ListBackend").results["Cards"]
    problems: dict[str, list[str]] = {}
    for card in cards:
        problems.setdefault(card["Kind"], []).extend(card["Problems"])
    return api.get("ExecBackendURLs").results["Warnings"], problems


def broken_migration(azure: Sandbox, fault: dict[str, object]) -> tuple[list[str], list[str]]:
    """Return the warnings of the links, and the problems of the main app's card, after a migration that broke."""
    azure.reset(propagation_seconds=0, shape="container", state="S6")
    azure.faults([{"method": "GET", "times": 0, **fault}])
    api = Api()
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "MainApp"]
    return api.get("ExecBackendURLs").results["Warnings"], card["Problems"]


@pytest.mark.parametrize(("left", "text"), [(OFFLOAD, phrases.IS_DOWN), (FUNCTIONS, phrases.MAY_BE_DOWN)], ids=str)
@pytest.mark.each_value
def test_broken_migration_that_left_an_app_comes_first(azure: Sandbox, left: dict[str, str], text: str) -> None:
    for shown in broken_migration(azure, {"path": LIST, "edit": [["value", [left]]]}):
        assert text in shown[0]
        assert left["name"] in shown[0]


def test_vault_without_a_storage_account_is_not_a_broken_migration(azure: Sandbox) -> None:
    vault = {"id": names.VAULT, "name": names.VAULT, "type": "Microsoft.KeyVault/vaults"}
    path = f"/resourceGroups/{names.RESOURCE_GROUP}/resources$"
    for shown in broken_migration(azure, {"path": path, "edit": [["value", [vault]]]}):
        assert not [text for text in shown if "down" in text]


def test_slot_of_the_container_is_a_warning_and_a_problem(azure: Sandbox) -> None:
    warnings, problems = shown_with(azure, SLOT, shape="container")
    assert [text for text in warnings if "CIPPabc12/staging" in text]
    assert [text for text in problems["WebApp"] if "CIPPabc12/staging" in text]


def test_container_beside_function_apps_is_a_warning_and_a_problem(azure: Sandbox) -> None:
    warnings, problems = shown_with(azure, {**CONTAINER, "name": "cippnew"}, shape="functions")
    assert [text for text in warnings if "cippnew" in text]
    assert [text for text in problems["FunctionApp"] if "cippnew" in text]


def test_stopped_container_is_a_warning_and_one_problem(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container")
    path = f"/sites/{names.MAIN_SITE}$"
    azure.faults([{"method": "GET", "path": path, "edit": [["properties.state", "Stopped"]], "times": 0}])
    api = Api()
    assert [text for text in api.get("ExecBackendURLs").results["Warnings"] if "ExecFunctionAppStart" in text]
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "WebApp"]
    assert len([text for text in card["Problems"] if "ExecFunctionAppStart" in text]) == 1


def test_migrated_container_is_a_note_and_no_warning(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container", state="S7")  # its group has the tag
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table("CippBackendInstallation")  # of another test, which migrated CIPP
    api = Api()
    assert not [text for text in api.get("ExecBackendURLs").results["Warnings"] if "tag NG" in text]
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "WebApp"]
    assert [text for text in card["Notes"] if "tag NG" in text]
    assert not [text for text in card["Problems"] if "tag NG" in text]


def test_sign_in_that_is_off_comes_first(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0, shape="container", sign_in_off=True)
    assert "superadmin" in Api().get("ExecBackendURLs").results["Warnings"][0]


def test_function_apps_have_no_states(azure: Sandbox) -> None:
    azure.reset(propagation_seconds=0)
    Api()
    assert services().installation_states.states() == []
    assert names.MAIN_SITE in str(services().discovery.main_app.seen().site)
