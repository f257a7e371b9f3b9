"""The overview: the cards, their problems, and the time they take."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.health.results import REMEMBERED_SECONDS
from sandbox import names
from settings.http.process import services
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.page_troubles import AMONG_OTHERS, ARM, MOST_SECONDS, REFUSALS, SILENCES
from tests.support.sandbox_client import Sandbox

ALL = ["ResourceGroup", "KeyVault", "FunctionApp", "FunctionApp", "FunctionApp", "StaticWebApp", "Keys"]
VAULT_HOST = f"{names.VAULT}.vault.azure.net"
# The call that each card depends on.
PROBES = {
    "ResourceGroup": {"host": ARM, "path": "/resourcegroups/cipp$"},
    "KeyVault": {"host": ARM, "path": f"^/subscriptions/{names.SUBSCRIPTION_ID}/resources$"},
    "FunctionApp": {"host": ARM, "path": "/Microsoft.Web/sites$"},
    "StaticWebApp": {"host": ARM, "path": "/Microsoft.Web/staticSites$"},
    "Keys": {"host": VAULT_HOST, "path": "/secrets$"},
}


def cards(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.results["Cards"]
    return found


def problems(api: Api, name: str) -> str:
    (card,) = [card for card in cards(api.get("ListBackend")) if card["Name"] == name and card["Kind"] == "FunctionApp"]
    return " ".join(card["Problems"])


def test_every_resource_has_its_card(api: Api) -> None:
    answer = api.get("ListBackend")
    found = cards(answer)
    assert [card["Kind"] for card in found] == ALL
    assert [card["Name"] for card in found] == [
        "cipp",
        "cippabc12",
        "cippabc12",
        "cippabc12-proc",
        "cippabc12-backend",
        "cipp-swa-abc12",
        "Keys",
    ]
    assert all(card["Exists"] is True for card in found)
    assert [card["State"] for card in found[:6]] == ["Succeeded", "Succeeded", *["Running"] * 3, "Linked"]
    assert all(str(card["Link"]).startswith("https://portal.azure.com/#@") for card in found[:6])
    assert answer.results["AsOf"].endswith("Z")
    assert answer.results["RememberedSeconds"] == REMEMBERED_SECONDS


def test_stopped_app_is_a_problem_with_advice(api: Api) -> None:
    assert api.post("ExecFunctionAppStop").status == 200
    assert "ExecFunctionAppStart" in problems(api, "cippabc12")


def test_missing_main_app_is_a_card_with_the_setting_to_set(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "nosuch12345")
    del azure
    missing = [card for card in cards(Api().get("ListBackend")) if card["Exists"] is False]
    assert {card["Kind"]: card["Name"] for card in missing} == {
        "KeyVault": "nosuch12345",
        "MainApp": "nosuch12345",
    }
    assert all("CIPP_FUNCTION_APP" in str(card["Problems"]) for card in missing)


def test_missing_static_web_app_is_not_a_problem(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    del azure
    (card,) = [card for card in cards(Api().get("ListBackend")) if card["Kind"] == "StaticWebApp"]
    assert (card["Exists"], card["Problems"]) == (False, [])
    assert "container" in str(card["State"])


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("kind", PROBES)
@pytest.mark.parametrize("status", REFUSALS)
def test_refused_probe_does_not_affect_others(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, status: int
) -> None:
    _spoil(azure, nowhere, kind, {"mode": "refuse", "status": status, "retry_after": 2700})


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("kind", PROBES)
@pytest.mark.parametrize("mode", SILENCES)
def test_probe_without_a_response_does_not_delay_or_affect_others(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    _spoil(azure, nowhere, kind, {"mode": mode})


def _spoil(azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, fault: dict[str, object]) -> None:
    if fault["mode"] == "hang":
        for name, value in AMONG_OTHERS.items():
            nowhere.setenv(name, value)
    api = Api()
    azure.faults([{**PROBES[kind], "times": 0, **fault}])
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < MOST_SECONDS
    assert {str(card["Kind"]) for card in found} == set(ALL)
    for card in found:
        text = " ".join(card["Problems"])
        if card["Kind"] == kind:
            assert card["Exists"] is not True
            assert "Couldn't " in text
        elif card["Kind"] != "Keys":  # the keys also need the list of apps, and report it themselves
            assert card["Exists"] is True
            assert "Couldn't " not in text


@pytest.mark.compares_times
def test_timeout_of_azure_is_reported_within_the_time_of_one_call(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "5")
    api = Api()
    services().discovery.deployment()  # the identity's token
    azure.faults([{"mode": "hang", "times": 0}])
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < MOST_SECONDS
    assert [card["Exists"] for card in found] == [None] * 4


def test_app_without_a_token_is_reported_in_one_card(api: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/msi/token", "mode": "refuse", "status": 400, "times": 0}])
    (card,) = cards(api.get("ListBackend"))
    assert (card["Exists"], phrases.MANAGED_IDENTITY in str(card["Problems"])) == (None, True)


def test_cards_are_cached_for_the_stated_time(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr("backend.health.overview.REMEMBERED_SECONDS", 0.5)
    api = Api()
    first = api.get("ListBackend").results
    calls = len(azure.calls())
    assert api.get("ListBackend").results == first
    assert len(azure.calls()) == calls
    time.sleep(first["RememberedSeconds"] + 0.1)
    api.get("ListBackend")
    assert len(azure.calls()) > calls


@pytest.mark.compares_times
def test_probes_run_concurrently(api: Api, azure: Sandbox) -> None:
    api.get("ListBackend")  # loads modules first
    azure.reset(propagation_seconds=0, latency_seconds={ARM: 1})
    azure.faults(
        [{"host": VAULT_HOST, "mode": "refuse", "status": 403, "times": 0}]
    )  # so that the keys don't make a chain of calls
    api = Api()
    services().discovery.deployment()
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < 4  # seven calls, one after another, take 7 s
    assert len(azure.calls(ARM)) == 7
    assert [card["Exists"] for card in found] == [True] * 6 + [None]


def test_concurrent_callers_share_one_overview(azure: Sandbox, api: Api) -> None:
    api.get("ListBackend", role="superadmin")
    alone = len(azure.calls(ARM))
    azure.reset(propagation_seconds=0)
    again = Api()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: again.get("ListBackend").results, range(6)))
    assert all(answer == answers[0] for answer in answers)
    assert len(azure.calls(ARM)) <= alone
