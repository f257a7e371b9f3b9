"""The progress of a run: its step, how many keys are done, and when it may end."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.errors import ConflictError
from backend.rotation.reporting import progress, reporter
from backend.rotation.reporting.journal import RUNS
from backend.rotation.reporting.progress import estimated_end, kept_current
from backend.rotation.results import RunReport
from backend.rotation.running.batch import TOKENS_STEP
from backend.rotation.service import FIRST_STEP
from tests.support import phrases
from tests.support.host import wait_for
from tests.support.rotation.held_run import LOCKS, held_at
from tests.support.rotation.scene import SECRET, TOKEN, Scene, moment

NOW = datetime(2026, 9, 2, 12, 0, tzinfo=UTC)
STORAGE = "127.0.0.1"
Json = Any  # what JSON may hold


def run(total: int = 10, *, seconds: float | None = None, rotated: int = 1, ago: float = 0) -> RunReport:
    """Return a run that began so many seconds ago, and ended if it took some seconds."""
    ended = None if seconds is None else NOW - timedelta(days=7)
    started = NOW - timedelta(seconds=ago)
    return RunReport(run_id="a", by="a", started=started, ended=ended, seconds=seconds, total=total, rotated=rotated)


@pytest.mark.parametrize(
    ("earlier", "ago", "ends"),
    [
        ([], 0, None),
        ([run(seconds=60)], 0, 60),
        ([run(seconds=60)], 20, 40),
        ([run(seconds=60)], 60, None),  # it takes longer already
        ([run(seconds=90), run(seconds=60), run(seconds=600)], 0, 90),
        ([run(seconds=60, rotated=0)], 0, None),
        ([run(5, seconds=60)], 0, 60),
        ([run(4, seconds=60)], 0, None),
        ([run(20, seconds=60)], 0, 60),
        ([run(21, seconds=60)], 0, None),
        ([run()], 0, None),  # it has not ended
        ([run(seconds=0)], 0, None),
        ([run(seconds=3_600)], 0, 3_600),
        ([run(seconds=3_601)], 0, None),
        ([run(seconds=float("nan"))], 0, None),
        ([run(seconds=float("inf"))], 0, None),
    ],
)
def test_estimated_end_is_the_median_of_similar_runs(earlier: list[RunReport], ago: float, ends: float | None) -> None:
    expected = None if ends is None else NOW + timedelta(seconds=ends)
    assert estimated_end(run(ago=ago), earlier, NOW) == expected


def test_progress_that_fails_is_logged_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "CHECKED_EVERY_SECONDS", 0.01)
    calls: list[int] = []

    def show() -> None:
        calls.append(1)
        raise ConflictError("Refused.") if len(calls) == 1 else ValueError("hush")

    with kept_current(show):
        wait_for(lambda: len(calls) > 2)
    ended = len(calls)
    time.sleep(0.05)
    assert len(calls) == ended
    assert phrases.PROGRESS_NOT_WRITTEN in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.compares_times
def test_block_does_not_wait_for_a_hung_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CHECKED_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(progress, "LAST_WRITE_SECONDS", 0.1)
    began = time.monotonic()
    with kept_current(lambda: time.sleep(5)):
        time.sleep(0.05)
    assert time.monotonic() - began < 2


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write progress as soon as it changes."""
    monkeypatch.setattr(progress, "CHECKED_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(reporter, "SHOWN_EVERY_SECONDS", 0.0)


def row_of(scene: Scene) -> dict[str, Json]:
    """Return the row of the run that began last."""
    return min(scene.others.rows(RUNS), key=lambda row: str(row["RowKey"]), default={})


def merges(scene: Scene) -> list[str]:
    """Return the writes of progress alone."""
    calls = [call for call in scene.azure.calls(tables=True) if f"/{RUNS}(" in call["path"]]
    return [str(call["request_body"]) for call in calls if call["method"] == "PATCH"]


@pytest.mark.usefixtures("often")
@pytest.mark.usefixtures("three_sign_in_checks")
def test_running_run_has_its_step_and_the_number_of_keys(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    with held_at(scene, 9, nowhere) as answer:  # the tokens are done, and the new client secret is verified
        wait_for(lambda: str(row_of(scene).get("step", "")).startswith(f"{SECRET}: {phrases.MAKES_A_SECRET}"))
        running = scene.overview()["Running"]
        assert (running["Done"], running["Total"], running["EstimatedEnd"]) == (2, 4, None)
        assert phrases.MAKES_A_SECRET in running["Step"]
        written = len(merges(scene))
        time.sleep(0.3)
        assert len(merges(scene)) == written  # nothing is new
    assert answer.result().status == 200
    overview = scene.overview()
    assert overview["Running"] is None
    assert [(one["Done"], one["Step"], one["EstimatedEnd"]) for one in overview["Runs"]] == [(4, None, None)]
    assert "step" not in row_of(scene)


@pytest.mark.usefixtures("often")
def test_running_run_has_an_estimated_end_after_a_similar_one(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    started = scene.now() - timedelta(days=7)
    times = {"started": started, "ended": started + timedelta(minutes=2), "seconds": 120.0}
    scene.others.row(RUNS, "run", "9999999999-a", run_id="a", by="the weekly timer", total=4, rotated=4, **times)
    with held_at(scene, 4, nowhere):
        wait_for(lambda: row_of(scene).get("step") == TOKENS_STEP)
        running = scene.overview()["Running"]
        assert moment(running["EstimatedEnd"]) == moment(running["Started"]) + timedelta(minutes=2)


def test_progress_of_a_killed_run_is_not_shown(scene: Scene) -> None:
    fields = {"run_id": "b" * 12, "by": "a person", "started": scene.now(), "total": 4, "done": 1, "step": "Something."}
    scene.others.row(RUNS, "run", "0000000000-b", **fields)
    scene.others.row(LOCKS, "lock", "rotation", RunId="b" * 12, By="a person")
    shown = scene.overview()["Running"]
    assert (shown["RunId"], shown["Done"], shown["Step"]) == ("b" * 12, 1, "Something.")
    scene.others.tables.get_table_client(LOCKS).delete_entity("lock", "rotation")
    assert scene.overview()["Running"] is None


def test_late_progress_does_not_reopen_a_run_that_ended(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(progress, "CHECKED_EVERY_SECONDS", 0.02)
    scene.rotate(TOKEN)
    row = row_of(scene)
    ended = RunReport(run_id=row["run_id"], by=row["by"], started=moment(row["started"].isoformat()))
    late = RunReport(run_id=ended.run_id, by=ended.by, started=ended.started, total=1, done=0, step=FIRST_STEP)
    from settings.http.process import services  # noqa: PLC0415

    services().key_rotation.journal.show(late)
    assert row_of(scene)["step"] == FIRST_STEP
    (shown,) = scene.overview()["Runs"]
    assert (shown["Rotated"], shown["Done"], shown["Step"]) == (1, 1, None)
    assert shown["Ended"] is not None


@pytest.mark.usefixtures("often")
@pytest.mark.each_value
@pytest.mark.parametrize(
    "fault", [{"mode": "refuse", "status": 403}, {"mode": "refuse", "status": 503}, {"mode": "drop-after"}]
)
def test_run_succeeds_when_its_progress_can_not_be_written(
    scene: Scene, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: dict[str, object]
) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_GAP_SECONDS", "0.3")
    scene.azure.faults([{"host": STORAGE, "body": RUNS, "times": 0, **fault}])
    rotation = scene.rotate()
    assert {key["Outcome"] for key in rotation["Keys"]} == {"rotated"}
    assert scene.signs_in()
    assert scene.redeems()
    assert phrases.HISTORY_NOT_WRITTEN in caplog.text


@pytest.mark.usefixtures("often")
@pytest.mark.each_value
@pytest.mark.parametrize(("every_seconds", "is_written"), [(0.0, True), (60.0, False)])
def test_progress_is_written_only_if_no_write_is_recent(
    scene: Scene, nowhere: pytest.MonkeyPatch, every_seconds: float, *, is_written: bool
) -> None:
    nowhere.setattr(reporter, "SHOWN_EVERY_SECONDS", every_seconds)
    nowhere.setenv("KEY_ROTATION_PROOF_GAP_SECONDS", "0.3")
    scene.rotate()
    assert bool(merges(scene)) is is_written


@pytest.mark.usefixtures("often")
@pytest.mark.each_value
@pytest.mark.parametrize("fault", [{"mode": "hang"}, {"mode": "drop-after"}, {"mode": "refuse", "status": 500}])
def test_run_is_complete_when_only_its_progress_hangs_or_fails(
    scene: Scene, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "3")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "4")
    nowhere.setenv("KEY_ROTATION_PROOF_GAP_SECONDS", "0.3")
    scene.azure.faults([{"host": STORAGE, "body": rf"(PATCH|MERGE) \S*{RUNS}", "times": 0, **fault}])
    rotation = scene.rotate()
    assert {key["Outcome"]: key["Reason"] for key in rotation["Keys"] if key["Outcome"] != "rotated"} == {}
    scene.azure.faults([])
    overview = scene.overview()
    assert overview["Running"] is None
    assert [(run["Rotated"], run["Done"], run["Step"]) for run in overview["Runs"]] == [(4, 4, None)]
    assert overview["Runs"][0]["Ended"] is not None
