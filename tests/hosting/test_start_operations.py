"""A start of CIPP's container as an operation: 202 while CIPP is starting, completed by every look and the timer."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.hosting.container.completion.starts import GIVEN_UP, StartLook, progress_of
from backend.hosting.container.health import Before, Evidence, Health
from backend.hosting.container.start_plan import EVIDENCE
from backend.hosting.own_restarts import TABLE
from backend.operations.results import Operation, StoredOperation
from tests.hosting.test_container_apps import SITE
from tests.operations.test_operations import NOW
from tests.support.api import Api, functions
from tests.support.own_tables import forget_starts
from tests.support.sandbox_client import Sandbox


@pytest.fixture
def starting(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A CIPP that takes longer to start than a response may wait."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0.3")
    azure.reset(shape="container", start_seconds=300, propagation_seconds=0)
    azure.advance(3_600)
    forget_starts(azure)
    yield azure
    azure.faults([])
    forget_starts(azure)


def listed(role: str = "admin") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Api().get("ListBackendOperations", role=role).results
    return found


def confirmed(sandbox: Sandbox) -> bool:
    with TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]) as tables:
        rows = tables.get_table_client(TABLE).query_entities("PartitionKey eq 'restart'")
        return any(row.get("Restarted") for row in rows)


def test_start_that_is_not_ready_is_completed_by_a_look(starting: Sandbox) -> None:
    answer = Api().post("ExecFunctionAppRestart")
    assert answer.status == 202
    (app,) = answer.results["Apps"]
    begun = app["Operation"]
    assert (begun["Kind"], begun["Target"], begun["Outcome"]) == ("start", SITE, "running")
    assert begun["By"] == "admin@contoso.com"
    (shown,) = listed()
    assert (shown["Id"], shown["Outcome"], shown["Ended"]) == (begun["Id"], "running", None)
    assert not confirmed(starting)
    starting.advance(900)
    (shown,) = listed()
    assert (shown["Id"], shown["Outcome"], shown["Next"]) == (begun["Id"], "done", [])
    assert confirmed(starting)
    assert listed() == [shown]


def test_timer_completes_a_start_of_a_process_that_was_killed(starting: Sandbox) -> None:
    starting.faults([{"path": "/restart$", "mode": "drop-after"}])
    assert Api().post("ExecFunctionAppRestart").status == 500  # the request took effect
    assert [one["Outcome"] for one in listed()] == ["running"]
    starting.advance(900)
    functions()["keyrotationcatchup"].get_user_function()(None)
    assert [one["Outcome"] for one in listed()] == ["done"]


def test_refused_start_ends_its_operation(starting: Sandbox) -> None:
    starting.faults([{"path": "/restart$", "mode": "refuse", "status": 409}])
    assert Api().post("ExecFunctionAppRestart").status == 500
    assert [one["Outcome"] for one in listed()] == ["failed"]


def test_start_without_a_table_for_it_begins_nevertheless(starting: Sandbox) -> None:
    starting.faults(
        [{"host": "127.0.0.1", "path": "CippBackendOperations", "mode": "refuse", "status": 403, "times": 0}]
    )
    answer = Api().post("ExecFunctionAppRestart")
    assert answer.results["Apps"][0]["Operation"] is None
    assert starting.state()["cipp"][0]["phase"] == "Dark"


UP, OTHER, DOWN = (
    Health(is_up=True, phase="Ready", startup={"readyMs": 1}),
    Health(is_up=True, phase="Ready", startup={"readyMs": 2}),
    Health(is_up=False),
)
SOON, LATE, GIVEN = timedelta(minutes=1), timedelta(minutes=11), timedelta(minutes=11) + GIVEN_UP


@pytest.mark.parametrize(
    ("health", "stopped", "after", "outcome"),
    [
        (OTHER, False, SOON, "done"),
        (OTHER, False, GIVEN, "done"),
        (UP, False, SOON, "running"),
        (UP, False, LATE, "unknown"),
        (DOWN, False, SOON, "running"),
        (DOWN, False, LATE, "running"),
        (DOWN, False, GIVEN, "unknown"),
        (DOWN, True, SOON, "failed"),
    ],
)
def test_evidence_decides_how_a_start_ended(health: Health, stopped: bool, after: timedelta, outcome: str) -> None:
    evidence = Evidence.before(Before(UP))
    operation = Operation(
        id="1",
        kind="start",
        target=SITE,
        before="",
        began=NOW,
        deadline=NOW + timedelta(minutes=10),
        by="",
        step="",
        next=[],
    )
    stored = StoredOperation(operation, {EVIDENCE: evidence.text()})
    progress = progress_of(stored, StartLook(health, stopped, NOW + after))
    assert progress.outcome == outcome
    assert Evidence.of_text((progress.facts or {})[EVIDENCE]) == evidence.after(health) or after > SOON
