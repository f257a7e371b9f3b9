"""The setting that makes a user superadmin of a container CIPP, if none can sign in any more."""

import json
from datetime import timedelta
from typing import Any

import pytest

from backend.access.users.break_glass import SETTING, Handled, Stage, stage_of
from settings.http.process import services
from tests.support.cipp import Cipp
from tests.support.rotation.scene import Scene

pytestmark = pytest.mark.slow("a new process looks for CIPP, and the timer also checks keys")
USER = "Alex.Jansen@contoso.com"
KEY = USER.lower()
MIXED = {"Roles": '["editor"]', "ManualRoles": "[]", "AutoRoles": '["editor"]', "Source": "Auto", "Note": "kept"}


@pytest.fixture
def container(scene: Scene) -> Scene:
    scene.others.reset(propagation_seconds=0, direct_tenants=0, shape="container", start_seconds=0.3)
    scene.others.clear_tables()
    scene.others.tables.create_table_if_not_exists("allowedUsers")
    return scene


def run(scene: Scene) -> None:
    """Let a new process apply the setting as the hourly timer does."""
    scene.api()
    services().break_glass.by_timer()


def users(scene: Scene) -> dict[str, dict[str, Any]]:
    return {row["RowKey"]: row for row in scene.others.rows("allowedUsers")}


def entries(scene: Scene) -> list[tuple[str, str]]:
    rows = scene.others.rows("CippLogs", record=True)
    return sorted((row["API"], row["Severity"]) for row in rows if SETTING in str(row["Message"]))


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what the alert `critical-event` outside CIPP finds in the log stream."""
    errors = [json.loads(one.getMessage()) for one in caplog.records if one.name == "cipp.logbook"]
    return [(line["event"], line["state"]) for line in errors if "event" in line]


def test_setting_makes_a_user_superadmin_once_and_alerts(
    container: Scene, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    container.others.row("allowedUsers", "User", KEY, **MIXED)
    container.others.row("allowedUsers", "User", USER, Roles='["readonly"]', ManualRoles='["readonly"]', AutoRoles="[]")
    run(container)
    assert "superadmin" not in str(users(container))
    nowhere.setenv(SETTING, f" {USER} ")
    run(container)
    (row,) = users(container).values()
    assert (row["RowKey"], row["Source"], row["Note"]) == (KEY, "Both", "kept")
    assert json.loads(row["ManualRoles"]) == ["superadmin"]
    assert json.loads(row["AutoRoles"]) == ["editor"]
    assert set(json.loads(row["Roles"])) == {"editor", "superadmin"}
    assert entries(container) == [("Alerts", "Critical"), ("Backend", "Critical")]
    assert events(caplog) == [("BreakGlass", "done")]
    container.others.row("allowedUsers", "User", KEY, **MIXED)  # a superadmin takes the role away
    run(container)
    assert users(container)[KEY]["ManualRoles"] == "[]"
    assert len(entries(container)) == 2
    nowhere.setenv(SETTING, "kim@contoso.com")
    run(container)
    assert "superadmin" in users(container)["kim@contoso.com"]["Roles"]
    nowhere.delenv(SETTING)
    run(container)
    nowhere.setenv(SETTING, "kim@contoso.com")  # set again after it was removed
    container.others.row("allowedUsers", "User", "kim@contoso.com", **MIXED)
    run(container)
    assert "superadmin" in users(container)["kim@contoso.com"]["Roles"]


def test_superadmin_whom_cipps_sync_overwrites_is_reported(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    container.others.row("allowedUsers", "User", KEY, **MIXED)
    sync = Cipp(container.azure).sync({"editor": [KEY]})  # it has read the table, and writes it after this app
    nowhere.setenv(SETTING, USER)
    run(container)
    assert container.api().get("ListBackendUsers").results["Overwritten"] == []
    sync()
    (change,) = container.api().get("ListBackendUsers").results["Overwritten"]
    assert (change["User"], change["Roles"], change["Present"]) == (KEY, ["superadmin"], [])
    container.others.tables.delete_table("CippBackendUsers")


def test_hourly_timer_applies_the_setting(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    container.go_to(container.sunday() + timedelta(days=2, hours=23))  # while the rotation waits for CIPP's own jobs
    nowhere.setenv(SETTING, USER)
    container.tick("KeyRotationCatchUp")
    assert "superadmin" in users(container)[KEY]["Roles"]


def test_name_of_a_guest_is_refused_and_alerted_once(
    container: Scene, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere.setenv(SETTING, "kim_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    run(container)
    run(container)
    assert users(container) == {}
    assert entries(container) == [("Alerts", "Critical"), ("Backend", "Critical")]
    logged = [row for row in container.others.rows("CippLogs", record=True) if SETTING in str(row["Message"])]
    assert {json.loads(row["LogData"])["Outcome"] for row in logged} == {"failed"}
    assert events(caplog) == [("BreakGlass", "failed")]


def test_function_apps_ignore_the_setting(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv(SETTING, USER)
    run(scene)
    assert scene.others.rows("allowedUsers") == []


@pytest.mark.each_value
@pytest.mark.parametrize("mode", ["refuse", "drop-before", "drop-after", "hang", "refuse-then-do"])
@pytest.mark.parametrize("table", ["allowedUsers", "CippBackendBreakGlass"])
def test_interrupted_run_is_completed(container: Scene, nowhere: pytest.MonkeyPatch, table: str, mode: str) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv(SETTING, USER)
    fault = {
        "host": "127.0.0.1",
        "path": table,
        "mode": mode,
        "times": 0,
        **({"status": 500} if mode.startswith("refuse") else {}),
    }
    container.azure.faults([fault])
    run(container)
    container.azure.faults([])
    run(container)
    assert "superadmin" in users(container)[KEY]["Roles"]
    assert ("Backend", "Critical") in entries(container)


ROW = {"path": r"/allowedUsers\(", "method": "PATCH"}
OURS = {"path": "/CippBackendBreakGlass", "method": "PATCH"}
LOGBOOK = {"path": r"/CippLogs\(", "method": "PUT"}


@pytest.mark.parametrize("taken", [False, True], ids=["left", "taken"])
@pytest.mark.parametrize(
    "cut",
    [
        {**ROW, "mode": "drop-after"},
        {**OURS, "body": "given", "mode": "refuse", "status": 500},
        {**OURS, "body": "given", "mode": "drop-after"},
        {**LOGBOOK, "mode": "refuse", "status": 500},
        {**OURS, "body": "done", "mode": "drop-before"},
    ],
    ids=["row", "given", "given unseen", "entry", "done"],
)
@pytest.mark.every_case("each place where a run can end after the write of the user's row")
def test_run_that_ends_after_its_write_is_completed_and_gives_nothing_twice(
    container: Scene, nowhere: pytest.MonkeyPatch, cut: dict[str, Any], taken: bool
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv(SETTING, USER)
    container.others.row("allowedUsers", "User", KEY, **MIXED)
    container.azure.faults([{"host": "127.0.0.1", "times": 0, **cut}])
    run(container)
    container.azure.faults([])
    assert json.loads(users(container)[KEY]["ManualRoles"]) == ["superadmin"]
    if taken:
        container.others.row("allowedUsers", "User", KEY, **MIXED)
    run(container)
    assert json.loads(users(container)[KEY]["ManualRoles"]) == ([] if taken else ["superadmin"])
    assert ("Backend", "Critical") in entries(container)
    count = len(entries(container))
    run(container)
    assert len(entries(container)) == count


@pytest.mark.parametrize("mode", ["refuse", "drop-before"])
def test_run_that_wrote_nothing_is_repeated(container: Scene, nowhere: pytest.MonkeyPatch, mode: str) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv(SETTING, USER)
    container.others.row("allowedUsers", "User", KEY, **MIXED)
    refusal = {"status": 403} if mode == "refuse" else {}
    container.azure.faults([{"host": "127.0.0.1", "times": 0, **ROW, "mode": mode, **refusal}])
    run(container)
    container.azure.faults([])
    assert users(container)[KEY]["ManualRoles"] == "[]"
    assert entries(container) == []
    if mode == "refuse":  # so certainly nothing was written, and CIPP's sync may write in between
        container.others.row("allowedUsers", "User", KEY, **MIXED, LastSync="2026-09-01T12:00:00Z")
    run(container)
    assert json.loads(users(container)[KEY]["ManualRoles"]) == ["superadmin"]


def test_api_can_not_write_the_setting(container: Scene) -> None:
    body = {"Name": "cippabc12-backend", "Set": {SETTING: USER}, "DryRun": True}
    assert container.api().post("ExecFunctionAppSettings", body).status == 400


@pytest.mark.parametrize(
    ("value", "handled", "stage"),
    [
        ("a@b.com", Handled(), Stage.NEW),
        ("a@b.com", Handled("a@b.com", Stage.BEGUN), Stage.BEGUN),
        ("a@b.com", Handled("a@b.com", Stage.DONE), Stage.DONE),
        ("a@b.com", Handled("c@b.com", Stage.DONE), Stage.NEW),
    ],
)
def test_value_is_handled_until_it_changes(value: str, handled: Handled, stage: Stage) -> None:
    assert stage_of(value, handled) is stage
