"""The history of runs: which runs come with their keys, and how long they are kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from backend.rotation.reporting import journal
from backend.rotation.reporting.journal import RUN_KEYS, RUNS
from backend.rotation.service import WEEKLY
from tests.support.rotation.scene import SECRET, TOKEN, Scene, key_of, refused

Json = Any  # what JSON may hold
REASON = "Due: the current version is of 2026-10-15 06:41 UTC, before 2026-11-22 00:00 UTC."


def plant(scene: Scene, started: datetime, keys: int, *, unchanged: int = 0, by: str = WEEKLY) -> str:
    """Write a run as the journal does, with so many keys that were rotated; returns its id."""
    run_id = uuid4().hex[:12]
    counts = {"total": keys + unchanged, "rotated": keys, "unchanged": unchanged, "failed": 0, "postponed": 0}
    times = {"started": started, "ended": started + timedelta(minutes=2), "seconds": 120.0}
    row_key = f"{9_999_999_999 - int(started.timestamp()):010d}-{run_id}"
    scene.others.row(RUNS, "run", row_key, run_id=run_id, by=by, **times, **counts)
    table = scene.others.tables.get_table_client(RUN_KEYS)
    scene.others.tables.create_table_if_not_exists(RUN_KEYS)
    for first in range(0, keys, 100):
        table.submit_transaction(
            [
                (
                    "upsert",
                    {
                        "PartitionKey": run_id,
                        "RowKey": f"{number:05d}",
                        "name": f"{number:05d}",
                        "kind": "TenantRefreshToken",
                        "outcome": "rotated",
                        "reason": REASON,
                    },
                )
                for number in range(first, min(first + 100, keys))
            ]
        )
    return run_id


def runs_of(scene: Scene, query: str = "") -> list[dict[str, Json]]:
    answer = scene.api().get(f"ListKeyRotations{query}")
    assert answer.status == 200, answer.text
    runs: list[dict[str, Json]] = answer.results["Runs"]
    return runs


def shown(runs: Iterable[dict[str, Json]]) -> list[tuple[str, bool, int]]:
    """Return of each run its id, whether its keys are available, and how many of them it shows."""
    return [(run["RunId"], run["KeysAvailable"], len(run["Keys"])) for run in runs]


def test_only_the_latest_run_that_ended_has_its_keys(scene: Scene) -> None:
    weeks = [plant(scene, scene.now() - timedelta(weeks=week), 3) for week in range(1, 4)]
    idle = plant(scene, scene.now() - timedelta(weeks=4), 0, unchanged=3)
    assert shown(runs_of(scene)) == [
        (weeks[0], True, 3),
        (weeks[1], True, 0),
        (weeks[2], True, 0),
        (idle, False, 0),
    ]
    scene.rotate(TOKEN)
    runs = runs_of(scene)
    assert [key["Name"] for key in runs[0]["Keys"]] == [TOKEN]
    assert [len(run["Keys"]) for run in runs[1:]] == [0, 0, 0, 0]


def test_run_id_returns_one_run_with_its_keys_at_any_age(scene: Scene) -> None:
    weeks = [plant(scene, scene.now() - timedelta(weeks=week), 2) for week in range(1, 13)]
    assert [run["RunId"] for run in runs_of(scene)] == weeks[:10]
    for run_id in (weeks[0], weeks[3], weeks[11].upper()):
        assert shown(runs_of(scene, f"?RunId={run_id}")) == [(run_id.lower(), True, 2)]
    overview = scene.api().get(f"ListKeyRotations?RunId={weeks[11]}").results
    whole = scene.overview()
    assert {name: overview[name] for name in ("Sentence", "Keys")} == {
        name: whole[name] for name in ("Sentence", "Keys")
    }


@pytest.mark.each_value
@pytest.mark.parametrize(("run_id", "status"), [("0123456789ab", 404), ("0123456789", 400), ("0123456789ax", 400)])
@pytest.mark.parametrize("with_table", [False, True])
def test_unknown_or_invalid_run_id_is_refused_with_advice(
    scene: Scene, run_id: str, status: int, *, with_table: bool
) -> None:
    if with_table:
        plant(scene, scene.now(), 1)
    answer = scene.api().get(f"ListKeyRotations?RunId={run_id}")
    assert answer.status == status
    assert "ListKeyRotations without RunId" in answer.results


def test_run_id_with_unreachable_tables_is_a_failure_and_not_404(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_STORAGE", "no connection string")
    answer = scene.api().get("ListKeyRotations?RunId=0123456789ab")
    assert (answer.status, "CIPP_STORAGE" in answer.results) == (500, True)


def history_of(scene: Scene, query: str = "") -> dict[str, Json]:
    answer = scene.api().get(f"ListKeyRotationRuns{query}")
    assert answer.status == 200, answer.text
    results: dict[str, Json] = answer.results
    return results


def test_history_has_each_run_of_26_weeks_without_keys(scene: Scene) -> None:
    assert history_of(scene)["Runs"] == []  # the table does not exist yet
    weeks = [plant(scene, scene.now() - timedelta(weeks=week), 2) for week in range(27)]
    before = len(scene.azure.calls(tables=True))
    history = history_of(scene)
    assert shown(history["Runs"]) == [(run_id, True, 0) for run_id in weeks]
    assert (history["ByWeek"], history["HasMore"]) == (WEEKLY, False)
    paths = {call["path"].partition("(")[0] for call in scene.azure.calls(tables=True)[before:]}
    assert {path.rpartition("/")[2] for path in paths} <= {RUNS, ""}
    (one,) = history_of(scene, f"?RunId={weeks[26]}")["Runs"]
    assert [(key["Outcome"], bool(key["Reason"])) for key in one["Keys"]] == [("rotated", True)] * 2


def test_history_keeps_weekly_runs_among_many_others(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(journal, "MOST_OTHERS", 3)
    weekly = plant(scene, scene.now() - timedelta(weeks=20), 1)
    hourly = [plant(scene, scene.now() - timedelta(hours=hour), 1, by="the hourly catch-up") for hour in range(5)]
    history = history_of(scene)
    assert [run["RunId"] for run in history["Runs"]] == [*hourly[:3], weekly]
    assert history["HasMore"] is True


def test_history_of_an_unreachable_table_is_a_failure(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_STORAGE", "no connection string")
    answer = scene.api().get("ListKeyRotationRuns")
    assert (answer.status, "CIPP_STORAGE" in answer.results) == (500, True)


def test_unchanged_keys_are_not_written_to_the_history(scene: Scene) -> None:
    scene.rotate(TOKEN)
    scene.azure.faults([refused(50173, scene.tenants()[0])])
    rotation = scene.rotate()
    assert key_of(rotation["Keys"], TOKEN)["Outcome"] == "unchanged"
    rows = [row["name"] for row in scene.others.rows(RUN_KEYS) if row["PartitionKey"] == rotation["RunId"]]
    assert TOKEN not in rows
    assert SECRET in rows
    (run,) = runs_of(scene, f"?RunId={rotation['RunId']}")
    assert [run["Unchanged"], len(run["Keys"])] == [1, len(rows)] == [1, 3]
