"""The states of an app that does not run. Starting it is advised only if that can help."""

from datetime import UTC, datetime

import pytest

from backend.installation.app_states import condition_of
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
MAIN = "cippabc12"
START = "call ExecFunctionAppStart"
NOW = datetime(2026, 9, 16, 12, 0, tzinfo=UTC)
QUOTA: dict[str, object] = {"state": "QuotaExceeded", "usageState": "Exceeded"}
BLOCKED: dict[str, tuple[dict[str, object], str]] = {
    "a quota": (QUOTA, "midnight UTC"),
    "a quota by its state alone": ({"state": "QuotaExceeded"}, "scaled up"),
    "a quota by its usage alone": ({"state": "Stopped", "usageState": "Exceeded"}, "used up a quota"),
    "a quota of its own": ({**QUOTA, "dailyMemoryTimeQuota": 400}, "daily usage quota is 400 GB-seconds"),
    "a quota until a time": ({**QUOTA, "suspendedTill": "2099-01-02T00:00:00"}, "until 2099-01-02 00:00 UTC"),
    "suspended": ({"state": "Stopped", "suspendedTill": "2099-01-02T03:04:05+02:00"}, "until 2099-01-02 01:04 UTC"),
    "disabled by Azure": ({"state": "Stopped", "adminEnabled": False}, "Azure disabled it"),
    "disabled by Azure in its state": ({"state": "AdminDisabled"}, "Azure disabled it"),
    "disabled": ({"enabled": False}, "enabled=true"),
    "disabled and stopped": ({"state": "Stopped", "enabled": False}, "enabled=true"),
}
OTHERS: dict[str, tuple[dict[str, object], str]] = {
    "no state": ({"state": None}, "does not show its state"),
    "an empty state": ({"state": " "}, "does not show its state"),
    "a state of another type": ({"state": 7}, "does not show its state"),
    "limited": ({"availabilityState": "Limited"}, "availabilityState Limited"),
    "disaster recovery": ({"availabilityState": "DisasterRecoveryMode"}, "DisasterRecoveryMode"),
    "a state to come": ({"state": "Hibernating"}, "It is Hibernating"),
}
ODD = {"usageState": 1, "availabilityState": [], "enabled": None, "suspendedTill": "soon", "dailyMemoryTimeQuota": True}


def shown(azure: Sandbox, properties: dict[str, object], *more: dict[str, object]) -> Api:
    """Return the API, after a fault by which Azure shows all apps with these properties."""
    listed = [[f"value.*.properties.{name}", value] for name, value in properties.items()]
    alone = [[f"properties.{name}", value] for name, value in properties.items()]
    one = {"host": ARM, "method": "GET", "times": 0}
    azure.faults(
        [
            *more,
            {**one, "path": "/Microsoft.Web/sites$", "edit": listed},
            {**one, "path": f"/sites/{MAIN}$", "edit": alone},
        ]
    )
    return Api()


def card_of(api: Api) -> dict[str, object]:
    cards: list[dict[str, object]] = api.get("ListBackend").results["Cards"]
    return next(card for card in cards if (card["Name"], card["Kind"]) == (MAIN, "FunctionApp"))


@pytest.mark.parametrize("name", BLOCKED)
def test_condition_of_a_blocked_app_names_the_cause(name: str) -> None:
    properties, words = BLOCKED[name]
    condition = condition_of({"state": "Running", **properties}, NOW)
    assert condition.is_blocked
    assert words in " ".join(condition.problems)


@pytest.mark.parametrize("name", BLOCKED)
def test_blocked_app_is_shown_with_the_advice_that_helps(azure: Sandbox, name: str) -> None:
    properties, words = BLOCKED[name]
    api = shown(azure, properties)
    listed = api.get("ListFunctionApps").results[0]
    card = card_of(api)
    warning = next(
        text for text in api.get("ExecBackendURLs").results["Warnings"] if MAIN in text and phrases.AS_OF in text
    )
    planned = api.post("ExecFunctionAppStart", {"DryRun": True}).results["WouldDo"][0]
    started = api.post("ExecFunctionAppStart").results["Apps"][0]
    restarted = api.post("ExecFunctionAppRestart").results["Apps"][0]
    texts = [listed["Problems"], card["Problems"], warning, planned, started["Seen"], restarted["Seen"]]
    for text in map(str, texts):
        assert words in text
        assert START not in text
    assert listed["State"] == card["State"] == properties.get("state", "Running")


@pytest.mark.parametrize("name", OTHERS)
def test_app_in_another_condition_is_shown_with_it(azure: Sandbox, name: str) -> None:
    properties, words = OTHERS[name]
    api = shown(azure, properties)
    listed = api.get("ListFunctionApps").results[0]
    card = card_of(api)
    for text in (str(listed["Problems"]), str(card["Problems"])):
        assert words in text
        assert START not in text
    assert listed["State"] != "None"
    assert api.post("ExecFunctionAppStart").results["Apps"][0]["State"] in (None, "Running", "Hibernating")


def test_stopped_app_is_shown_with_the_advice_to_start_it(azure: Sandbox) -> None:
    assert Api().post("ExecFunctionAppStop").status == 200
    listed = Api().get("ListFunctionApps").results[0]
    assert (listed["State"], listed["Problems"]) == ("Stopped", [f"It is Stopped: {START}."])
    assert any(START in text for text in Api().get("ExecBackendURLs").results["Warnings"])
    del azure


def test_running_app_has_no_problem_when_other_properties_are_odd() -> None:
    assert condition_of({"state": "Running", **ODD}).problems == []
    assert condition_of({"state": "Running", "suspendedTill": "2026-09-16T11:59:59Z"}, NOW).problems == []
    assert condition_of({"state": "Running", "suspendedTill": "2026-09-16T12:00:01Z"}, NOW).is_blocked


GONE = {"error": {"code": "ResourceNotFound", "message": "The Resource 'x' was not found."}}


@pytest.mark.parametrize("action", ["Start", "Stop", "Restart"])
def test_action_is_not_reported_as_failed_when_the_app_is_gone_afterwards(azure: Sandbox, action: str) -> None:
    api = Api()
    azure.faults(
        [{"method": "GET", "path": f"/sites/{MAIN}$", "answer": {"status": 404, "body": GONE}, "times": 0, "nth": 2}]
    )
    answer = api.post(f"ExecFunctionApp{action}")
    assert answer.status == 200
    (app,) = answer.results["Apps"]
    assert app["State"] is None
    assert phrases.NO_LONGER in app["Seen"]
    assert "0 of 0" not in app["Seen"]


@pytest.mark.parametrize("action", ["Start", "Stop"])
def test_action_succeeds_when_reading_the_state_afterwards_is_refused(azure: Sandbox, action: str) -> None:
    azure.faults([{"method": "GET", "path": f"/sites/{MAIN}$", "mode": "refuse", "status": 403, "times": 0, "nth": 2}])
    answer = Api().post(f"ExecFunctionApp{action}")
    assert answer.status == 200
    assert f"{phrases.ARM_ACCEPTED} {action.lower()}, {phrases.BUT_THE_STATE}" in answer.results["Apps"][0]["Seen"]


@pytest.mark.parametrize("action", ["Start", "Stop", "Restart"])
def test_app_that_is_gone_before_the_action_is_not_found(azure: Sandbox, action: str) -> None:
    azure.faults([{"method": "POST", "path": f"/sites/{MAIN}/", "answer": {"status": 404, "body": GONE}, "times": 0}])
    assert Api().post(f"ExecFunctionApp{action}").status == 404


@pytest.mark.parametrize("kind", ["resource group", "key vault"])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("Deleting", phrases.IS_BEING_DELETED),
        ("Failed", "failed"),
        ("RegisteringDns", "RegisteringDns"),
        (None, ""),
        (7, ""),
    ],
)
def test_provisioning_state_is_a_problem_of_its_card(azure: Sandbox, kind: str, state: object, words: str) -> None:
    paths = {"resource group": ("properties.provisioningState", "/resourceGroups/[^/]+$")}
    path, where = paths.get(kind, ("value.*.provisioningState", "/resources$"))
    azure.faults([{"host": ARM, "method": "GET", "path": where, "edit": [[path, state]], "times": 0}])
    kinds = {"resource group": "ResourceGroup", "key vault": "KeyVault"}
    (card,) = [card for card in Api().get("ListBackend").results["Cards"] if card["Kind"] == kinds[kind]]
    assert words in str(card["Problems"])
    assert bool(card["Problems"]) is bool(words)


def test_missing_vault_is_shown_with_the_way_to_recover_it(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_KV_NAME", "nosuchvault")
    (card,) = [card for card in Api().get("ListBackend").results["Cards"] if card["Kind"] == "KeyVault"]
    assert phrases.IF_DELETED in card["Problems"][0]
    assert "az keyvault recover --name nosuchvault" in card["Problems"][0]
    del azure


@pytest.mark.parametrize("host", [None, "", {"$remove": True}])
def test_static_web_app_without_a_host_name_is_reported(azure: Sandbox, host: object) -> None:
    edit = [["value.*.properties.defaultHostname", host]]
    azure.faults([{"method": "GET", "path": "/staticSites$", "edit": edit, "times": 0}])
    api = Api()
    state = api.get("ListStaticWebApp")
    assert (state.status, state.results["Exists"], state.results["HostName"] or None) == (200, True, None)
    assert phrases.WITHOUT_HOST_NAME in state.results["Reason"]
    (card,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "StaticWebApp"]
    assert phrases.WITHOUT_HOST_NAME in str(card["Problems"])
    assert api.get("ListStaticWebAppDomains").status == 200
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": "portal.contosomsp.com"})
    assert (added.status, phrases.WITHOUT_HOST_NAME in added.results) == (409, True)


@pytest.mark.parametrize(("state", "shown"), [("running", "Running"), ("STOPPED", "Stopped"), ("Odd", "Odd")])
def test_state_is_read_case_insensitively(state: str, shown: str) -> None:
    condition = condition_of({"state": state})
    assert condition.state == shown
    assert bool(condition.faults) is (shown == "Odd")


def test_unknown_availability_is_named() -> None:
    (fault,) = condition_of({"state": "Running", "availabilityState": "Degraded"}).faults
    assert "Degraded" in fault
