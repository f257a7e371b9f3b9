"""Whether CIPP is up, since when, until when its keys work, and whom to call: for every role of CIPP."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.concurrency.deadline import Deadline
from backend.configuration.problems import setting_problems
from backend.health.overview import contact_in
from backend.hosting.container.probes import PORT
from backend.hosting.container.start_plan import PATIENCE
from backend.hosting.installation_memory import CONDITION, TABLE, Sighting
from backend.installation.app_states import AppCondition, condition_of
from sandbox import names
from settings.http.process import services
from tests.support.api import Api, principal
from tests.support.sandbox_client import Sandbox

T0 = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# What a role without CIPP.AppSettings.Read may learn.
FIELDS = {"Name", "Condition", "Since", "SinceEarliest", "WorksUntil", "Contact", "AsOf", "RememberedSeconds"}


@pytest.fixture
def fresh(azure: Sandbox) -> Sandbox:
    """A CIPP of which nothing is remembered."""
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table(TABLE)
    return azure


def status(api: Api | None = None, role: str = "readonly") -> dict[str, Any]:
    """Return the status that a process of this app shows, by default a new one."""
    answer = (api or Api()).call("GET", "ListBackendStatus", role=role)
    assert answer.status == 200, answer.text
    results: dict[str, Any] = answer.results
    return results


@pytest.mark.parametrize("role", ["readonly", "editor", "admin", "superadmin"])
def test_every_role_sees_the_status_and_nothing_else(fresh: Sandbox, role: str) -> None:
    del fresh
    api = Api()
    answer = api.call("GET", "ListBackendStatus", role=role)
    shown = answer.results
    assert (shown["Name"], shown["Condition"], shown["Contact"]) == (names.MAIN_SITE, "Up", None)
    assert shown["WorksUntil"] == api.get("ListKeyRotations").results["WorksUntil"]
    assert shown.keys() == FIELDS
    for name in (names.SUBSCRIPTION_ID, names.STATIC_SITE, names.OFFLOAD_SITE, names.TENANT_ID, "RefreshToken"):
        assert name not in answer.text
    assert api.get("ListBackend").results["Status"] == shown


def test_caller_without_a_role_does_not_see_it(api: Api) -> None:
    answer = api.call("GET", "ListBackendStatus", headers={"x-ms-client-principal": principal("stranger")})
    assert answer.status == 403


def test_status_shares_the_calls_of_the_overview(fresh: Sandbox) -> None:
    api = Api()
    api.get("ListBackend")
    before = len(fresh.calls())
    status(api)
    assert len(fresh.calls()) == before


def test_condition_has_its_beginning_in_every_process(fresh: Sandbox) -> None:
    first = status()
    assert (first["Condition"], first["SinceEarliest"], first["Since"]) == ("Up", None, first["AsOf"])
    again = status()
    assert (again["Since"], again["SinceEarliest"]) == (first["Since"], None)
    an_hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with TableServiceClient.from_connection_string(fresh.env["AzureWebJobsStorage"]) as tables:
        row = {"PartitionKey": CONDITION, "RowKey": names.MAIN_SITE, "Since": an_hour_ago, "Seen": an_hour_ago}
        tables.get_table_client(TABLE).upsert_entity(row)
    assert Api().post("ExecFunctionAppStop").status == 200
    down = status()
    assert down["Condition"] == "Down"
    assert datetime.fromisoformat(down["SinceEarliest"]) == an_hour_ago
    assert datetime.fromisoformat(down["Since"]) > an_hour_ago
    assert status()["Since"] == down["Since"]


def test_hourly_timer_remembers_the_condition(fresh: Sandbox) -> None:
    Api()
    services().overview.note_condition(Deadline.after(30))
    noted = datetime.now(UTC)
    assert [call for call in fresh.calls() if "vault" in call["host"]] == []
    assert datetime.fromisoformat(status()["Since"]) <= noted


@pytest.mark.parametrize("storage", ["no connection string", ""])
def test_status_without_the_table_is_that_of_this_process(
    fresh: Sandbox, nowhere: pytest.MonkeyPatch, storage: str
) -> None:
    del fresh
    nowhere.setenv("AzureWebJobsStorage", storage)
    shown = status()
    assert (shown["Condition"], shown["Since"]) == ("Up", shown["AsOf"])


@pytest.mark.each_value
@pytest.mark.parametrize("condition", ["Up", "Starting", "Unknown", "Down"])
def test_container_is_up_only_if_it_responds(fresh: Sandbox, condition: str) -> None:
    health = {"Starting": 503, "Unknown": 403}
    fresh.reset(shape="container", propagation_seconds=0)
    if condition in health:
        path = {"path": "/api/setup/health", "times": 0}
        fresh.faults([{**path, "mode": "refuse", "status": health[condition]}])
    if condition == "Down":
        assert Api().post("ExecFunctionAppStop").status == 200
    assert status()["Condition"] == condition


def test_container_that_stays_shut_is_down(fresh: Sandbox) -> None:
    fresh.reset(shape="container", propagation_seconds=0)
    fresh.faults([{"path": "/api/setup/health", "mode": "refuse", "status": 503, "times": 0}])
    assert status()["Condition"] == "Starting"
    key = names.MAIN_SITE.lower() + PORT
    with TableServiceClient.from_connection_string(fresh.env["AzureWebJobsStorage"]) as tables:
        row = tables.get_table_client(TABLE).get_entity(CONDITION, key)
        tables.get_table_client(TABLE).upsert_entity({**row, "Since": row["Since"] - PATIENCE})
    assert status()["Condition"] == "Down"
    (card,) = [card for card in Api().get("ListBackend").results["Cards"] if card["Kind"] == "WebApp"]
    assert card["Condition"] == "Down"
    fresh.faults([])
    assert status()["Condition"] == "Up"


def test_unknown_main_app_has_no_beginning(fresh: Sandbox) -> None:
    fresh.faults([{"path": "/Microsoft.Web/sites", "mode": "refuse", "status": 403, "times": 0}])
    shown = status()
    assert (shown["Condition"], shown["Since"], shown["SinceEarliest"]) == ("Unknown", None, None)


@pytest.mark.parametrize(
    ("setting", "contact"),
    [
        (" Night desk, +31 20 123 4567 ", "Night desk, +31 20 123 4567"),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        ("two\nlines", None),
        ("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/Contact)", None),
        ("call 0.AXoA-PLANTED-refresh-token", None),
        ("  ", None),
    ],
)
def test_contact_is_one_line_of_the_setting(setting: str, contact: str | None) -> None:
    environ = {"CIPP_CONTACT": setting}
    assert contact_in(environ) == contact
    named = [text for text in setting_problems(environ) if "CIPP_CONTACT" in text]
    assert bool(named) == (contact is None and bool(setting.strip()))


@pytest.mark.parametrize(
    ("before", "condition", "minutes", "after"),
    [
        (Sighting("Up", T0, T0), "Up", 1, Sighting("Up", T0, T0)),
        (Sighting("Up", T0, T0), "Up", 10, Sighting("Up", T0, T0 + 10 * MINUTE)),
        (Sighting("Up", T0, T0), "Down", 1, Sighting("Down", T0 + MINUTE, T0 + MINUTE, T0)),
        (Sighting("Down", T0, T0, T0 - MINUTE), "Down", 9, Sighting("Down", T0, T0, T0 - MINUTE)),
        (Sighting("Down", T0, T0 + MINUTE), "Up", 1, Sighting("Down", T0, T0 + MINUTE)),  # an older look
    ],
)
def test_sighting_keeps_its_beginning(before: Sighting, condition: AppCondition, minutes: int, after: Sighting) -> None:
    assert before.then(condition, T0 + minutes * MINUTE) == after


@pytest.mark.parametrize(
    ("properties", "condition"),
    [
        ({"state": "Running"}, "Up"),
        ({"state": "stopped"}, "Down"),
        ({"state": "Running", "usageState": "Exceeded"}, "Down"),
        ({"state": "Running", "enabled": False}, "Down"),
        ({"state": "Running", "availabilityState": "Limited"}, "Up"),
        ({"state": "Sleeping"}, "Unknown"),
        ({}, "Unknown"),
    ],
)
def test_app_is_up_if_azure_runs_it_and_nothing_blocks_it(
    properties: Mapping[str, object], condition: AppCondition
) -> None:
    assert condition_of(properties).in_short == condition
