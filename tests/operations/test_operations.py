"""The rows of long operations: stored before they begin, changed by one process, completed by every look."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from azure.data.tables import TableServiceClient

from backend.azure.clients import Clients
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.operations.completion import Completion
from backend.operations.operations import KEPT, TABLE, Operations
from backend.operations.results import Progress, StoredOperation
from tests.support.sandbox_client import Sandbox

NOW: Final = datetime.now(UTC).replace(microsecond=0)
TABLES: Final = {"host": "127.0.0.1", "path": TABLE}


@pytest.fixture
def stored(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox without operations, and quick timeouts."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1.5")
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table(TABLE)
        yield azure
        azure.faults([])
        tables.delete_table(TABLE)


def operations_of(sandbox: Sandbox) -> Operations:
    quick = {"AZURE_READ_TIMEOUT_SECONDS": "0.5", "AZURE_DEADLINE_SECONDS": "1.5"}
    return Operations(Clients({**sandbox.env, **quick}))


def begun(operations: Operations, target: str = "cippabc12", **more: Any) -> StoredOperation:  # noqa: ANN401
    parts = {"before": "Running.", "by": "", "lasts": timedelta(minutes=10), "step": "Restart.", "now": NOW, **more}
    return operations.begin("start", target, **parts)


def test_operation_is_read_as_it_was_stored(stored: Sandbox) -> None:
    operations = operations_of(stored)
    first = begun(operations, facts={"image": "latest"}, next_steps=["Look again."])
    assert operations.open() == [first]
    assert first.operation.by
    later = begun(operations, now=NOW + timedelta(seconds=1))
    assert [one.operation.id for one in operations.all()] == [later.operation.id, first.operation.id]


def test_facts_of_an_operation_are_not_in_its_repr(stored: Sandbox) -> None:
    operation = begun(operations_of(stored), facts={"image": "latest"})
    assert operation.operation.id in repr(operation)
    assert "latest" not in repr(operation)


def test_timer_ends_an_operation_that_nothing_completes(stored: Sandbox) -> None:
    operations = operations_of(stored)
    for days in (1, 3):
        begun(operations, now=NOW - timedelta(days=days))
    Completion(operations, lambda: {"start": lambda _stored, _deadline: None}).by_timer()
    assert [one.operation.outcome for one in operations.all()] == ["running", "running"]
    Completion(operations, dict).by_timer()
    assert [one.operation.outcome for one in operations.all()] == ["running", "unknown"]


def test_only_one_of_two_processes_changes_an_operation(stored: Sandbox) -> None:
    mine, other = operations_of(stored), operations_of(stored)
    seen = begun(mine)
    results: list[StoredOperation | None] = []
    both = [
        threading.Thread(target=lambda one=one: results.append(one.change(seen, Progress(step="Roll back."))))
        for one in (mine, other)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    (winner,) = [result for result in results if result]
    assert operations_of(stored).open() == [winner]
    assert mine.change(seen, Progress("done")) is None  # an old revision
    done = mine.change(winner, Progress("done", result="Ready.", at=NOW))
    assert done
    assert done.operation.ended == NOW
    assert mine.change(done, Progress("failed")) is None
    assert operations_of(stored).open() == []


@pytest.mark.every_case("whether the change took effect is the point")
@pytest.mark.parametrize("mode", ["drop-after", "drop-before"])
def test_lost_response_does_not_lose_a_change(stored: Sandbox, mode: str) -> None:
    operations = operations_of(stored)
    seen = begun(operations)
    stored.faults([{**TABLES, "method": "PUT", "mode": mode, "times": 1}])
    changed = operations.change(seen, Progress("done", at=NOW))
    assert changed
    assert operations.all() == [changed]


@pytest.mark.parametrize(
    "fault", [{"mode": "refuse", "status": 403}, {"mode": "hang"}, {"mode": "drop-after"}], ids=str
)
def test_operation_that_could_not_be_stored_is_not_left_open(stored: Sandbox, fault: dict[str, object]) -> None:
    operations = operations_of(stored)
    begun(operations)  # the table exists
    (before,) = operations.open()
    stored.faults([{**TABLES, "method": "POST", "times": 0, **fault}])
    with pytest.raises(BackendError):
        begun(operations)
    stored.faults([])
    assert operations.open() == [before]


def test_every_look_completes_what_it_can(stored: Sandbox) -> None:
    operations = operations_of(stored)
    done, running, broken = (begun(operations, target) for target in ("a", "b", "c"))

    def completer(one: StoredOperation, _deadline: Deadline) -> Progress | None:
        if one.operation.target == "c":
            raise ValueError("the text of an internal error")
        return Progress("done", at=NOW) if one.operation.target == "a" else None

    shown = Completion(operations, lambda: {"start": completer}).look()
    assert {one.target: one.outcome for one in shown} == {"a": "done", "b": "running", "c": "running"}
    Completion(operations, dict).by_timer()  # of an unknown shape
    assert {one.operation.id for one in operations.open()} == {running.operation.id, broken.operation.id}
    assert done.operation.id not in {one.operation.id for one in operations.open()}


def test_timer_deletes_old_operations_that_have_ended(stored: Sandbox) -> None:
    operations = operations_of(stored)
    old = NOW - KEPT - timedelta(days=1)
    ended, running, new = (begun(operations, now=moment) for moment in (old, old, NOW))
    operations.change(ended, Progress("failed", at=old))
    Completion(operations, lambda: {"start": lambda _stored, _deadline: None}).by_timer()
    assert {one.operation.id for one in operations.all()} == {running.operation.id, new.operation.id}
