"""Restarts by the rotation: recorded first, at most once per app and version, within the run's time."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from backend.rotation.running import restarts
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.scene import ARM, SECRET, VAULT, Scene, key_of, moment

SITES = [names.MAIN_SITE, names.OFFLOAD_SITE]
CATCH_UP = "KeyRotationCatchUp"
TABLE = "CippBackendRestarts"
Fault = dict[str, object]
# Azure shows no process, so it is unknown since when an app runs.
NO_PROCESSES: Fault = {"host": ARM, "path": "/processes", "mode": "refuse", "status": 404, "times": 0}
NO_EFFECT: Fault = {"host": ARM, "path": "/restart$", "answer": {"body": ""}, "times": 0}
HANG: Fault = {"host": ARM, "path": "/restart$", "mode": "hang", "times": 0}


def refused(status: int, path: str = "/restart$", host: str = ARM, **fault: object) -> Fault:
    return {"host": host, "path": path, "mode": "refuse", "status": status, "times": 0, **fault}


def an_hour_later(scene: Scene) -> None:
    scene.go(hours=1)
    scene.tick(CATCH_UP)


def rows(scene: Scene) -> dict[str, dict[str, Any]]:
    return {row["RowKey"]: row for row in scene.others.rows(TABLE)}


def warnings(scene: Scene, text: str) -> list[str]:
    """Rotate without a key that is due; return the warnings with a text."""
    return [warning for warning in scene.rotate(SECRET)["Warnings"] if text in warning]


@pytest.fixture
def renewed(scene: Scene, nowhere: pytest.MonkeyPatch, restarting: Scene) -> Scene:
    """The client secret is renewed, and no app is restarted yet."""
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "false")
    scene.rotate(SECRET)
    scene.go(seconds=2)
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    return restarting


def test_apps_are_not_restarted_for_a_secret_that_others_stored(restarting: Scene) -> None:
    secret = restarting.others.add_secret()["secretText"]
    restarting.others.store(SECRET, str(secret))
    restarting.rotate(SECRET)
    an_hour_later(restarting)
    assert restarting.value(SECRET) == secret
    assert restarting.restarts() == []


def test_apps_are_not_restarted_while_the_secrets_storage_time_is_unknown(renewed: Scene) -> None:
    edit = [["value.*.attributes.created", None], ["attributes.created", None]]
    unknown = {"host": VAULT, "path": f"/{SECRET}", "method": "GET", "edit": edit, "times": 0}
    renewed.azure.faults([NO_PROCESSES, unknown])
    an_hour_later(renewed)
    assert renewed.restarts() == []


def test_restart_that_times_out_is_requested_once_for_a_version(restarting: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "0.5")
    restarting.azure.faults([NO_PROCESSES, HANG])
    assert any(
        f"'cippabc12' {phrases.MIGHT_NOT_HAVE_RESTARTED}" in warning
        for warning in restarting.rotate(SECRET)["Warnings"]
    )
    for _ in range(5):
        an_hour_later(restarting)
    assert restarting.restarts() == SITES
    version = restarting.served(SECRET)["version"]
    assert {app: row["RequestedFor"] for app, row in rows(restarting).items()} == dict.fromkeys(SITES, version)
    assert not any("Restarted" in row for row in rows(restarting).values())
    assert [app["RunsWithCurrentKeys"] for app in restarting.overview()["Apps"]] == ["unknown", "unknown"]
    ambiguous = warnings(restarting, phrases.NOT_SHOWN_WHETHER)
    assert [site in line and "ExecFunctionAppRestart" in line for site, line in zip(SITES, ambiguous, strict=True)] == [
        True,
        True,
    ]
    restarting.azure.faults([NO_PROCESSES])
    restarting.rotate(SECRET, force=True)  # a new version, an hour and more after the other
    assert restarting.restarts() == SITES * 2
    assert [app["RunsWithCurrentKeys"] for app in restarting.overview()["Apps"]] == ["yes", "yes"]


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_restart_that_azure_refuses_is_repeated_by_the_next_run(restarting: Scene, status: int) -> None:
    restarting.azure.faults([NO_PROCESSES, refused(status)])
    assert any(f"'cippabc12' {phrases.NOT_RESTARTED}" in warning for warning in restarting.rotate(SECRET)["Warnings"])
    an_hour_later(restarting)
    assert restarting.restarts() == SITES[:1] * 2
    restarting.azure.faults([NO_PROCESSES])
    an_hour_later(restarting)
    an_hour_later(restarting)
    assert restarting.restarts() == [*SITES[:1] * 2, *SITES]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_restart_that_may_have_happened_is_not_repeated(restarting: Scene, status: int) -> None:
    restarting.azure.faults([refused(status)])
    restarting.rotate(SECRET)
    assert restarting.restarts() == SITES[:1]  # the first that fails is the last
    for _ in range(3):
        an_hour_later(restarting)
    assert restarting.restarts() == SITES


def test_restart_without_effect_is_not_repeated_and_reported(restarting: Scene) -> None:
    restarting.azure.faults([NO_EFFECT])
    restarting.rotate(SECRET)
    for _ in range(3):
        an_hour_later(restarting)
    assert restarting.restarts() == SITES
    late = warnings(restarting, phrases.OLDER_PROCESSES)
    assert [phrases.NOT_REPEATED in warning for warning in late] == [True, True]
    restarting.azure.faults([])
    assert Api().post("ExecFunctionAppRestart", {"All": True}).status == 200
    assert restarting.rotate(SECRET)["Warnings"] == []


@pytest.mark.parametrize(
    ("method", "words"), [("GET", phrases.EARLIER_REQUEST_UNKNOWN), ("PATCH", phrases.RESTART_NOT_RECORDED)]
)
@pytest.mark.parametrize("fault", [refused(403), {"mode": "drop-before", "times": 0}])
def test_app_is_not_restarted_while_that_cannot_be_recorded(
    renewed: Scene, fault: Fault, method: str, words: str
) -> None:
    renewed.azure.faults([{**fault, "host": "127.0.0.1", "path": TABLE, "method": method}])
    assert warnings(renewed, words)
    an_hour_later(renewed)
    assert renewed.restarts() == []
    renewed.azure.faults([])
    an_hour_later(renewed)
    assert renewed.restarts() == SITES


def test_restarts_wait_for_the_next_run_when_apps_can_not_be_listed(renewed: Scene) -> None:
    renewed.azure.faults([refused(403, r"/Microsoft\.Web/sites$", method="GET")])
    assert len(warnings(renewed, phrases.PROCESSES_UNKNOWN)) == 1
    assert renewed.restarts() == []
    renewed.azure.faults([])
    an_hour_later(renewed)
    assert renewed.restarts() == SITES


def test_record_whose_response_is_lost_is_withdrawn(renewed: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    lost = {"host": "127.0.0.1", "path": TABLE, "method": "PATCH", "mode": "drop-after"}
    renewed.rotate(SECRET, dry=True)
    renewed.others.row(TABLE, "restart", "another")  # so that the table is there, and the write takes effect
    renewed.azure.faults([{**lost, "times": 0}])  # the write in all its tries, and its withdrawal
    renewed.tick(CATCH_UP)
    assert renewed.restarts() == []
    assert rows(renewed)[SITES[0]]["RequestedFor"] == ""
    renewed.azure.faults([])
    an_hour_later(renewed)
    assert renewed.restarts() == SITES


def test_unknown_start_is_restarted_only_after_the_renewal_without_storage(
    restarting: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    ends = key_of(restarting.overview()["Keys"], SECRET)["Ends"]
    restarting.go_to(moment(ends) - timedelta(days=6))  # in its last week, it is also renewed without storage
    nowhere.delenv("AzureWebJobsStorage")
    restarting.azure.faults([NO_PROCESSES])
    restarting.rotate(SECRET)
    assert restarting.restarts() == SITES
    restarting.go(seconds=10)
    restarting.tick(CATCH_UP)
    assert restarting.restarts() == SITES


def test_run_that_lost_the_lock_restarts_nothing(renewed: Scene) -> None:
    renewed.azure.faults([{"host": ARM, "path": "/instances$", "mode": "hold", "times": 0}])
    thread = threading.Thread(target=renewed.tick, args=(CATCH_UP,))
    thread.start()
    renewed.azure.wait_until_held()
    renewed.others.row("CippBackendLocks", "lock", "rotation", RunId="another", By="another run")
    time.sleep(2.2)  # until the lock is looked at again
    renewed.azure.faults([])
    thread.join()
    assert renewed.restarts() == []


def test_no_restart_begins_without_time_for_it(renewed: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "49")  # less 20: restarts take 20, and 10 beside
    (warning,) = warnings(renewed, phrases.NO_TIME_TO_RESTART)
    assert all(f"'{site}'" in warning for site in SITES)
    assert phrases.CLIENT_SECRET in warning
    assert renewed.restarts() == []
    assert rows(renewed) == {}
    nowhere.delenv("KEY_ROTATION_TIME_LIMIT_SECONDS")
    renewed.tick(CATCH_UP)
    assert renewed.restarts() == SITES


def test_restart_waits_for_the_next_run_when_its_record_is_slow(renewed: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(restarts, "SPARE_SECONDS", 6)
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "18")  # its half, so 9
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "5.5")
    renewed.azure.faults([{"host": "127.0.0.1", "path": TABLE, "method": "PATCH", "mode": "hang"}])
    renewed.tick(CATCH_UP)
    assert renewed.restarts() == []
    nowhere.setattr(restarts, "SPARE_SECONDS", 2)
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "15")  # half of it: 7.5
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "10")
    renewed.azure.faults([{"host": "127.0.0.1", "path": TABLE, "method": "PATCH", "mode": "hold"}])
    run = threading.Thread(target=renewed.tick, args=(CATCH_UP,))
    run.start()
    renewed.azure.wait_until_held()
    time.sleep(6.5)
    renewed.azure.faults([])
    run.join()
    assert renewed.restarts() == []
    assert list(rows(renewed)) == SITES[:1]
    for name in ("KEY_ROTATION_TIME_LIMIT_SECONDS", "RESTART_TIMEOUT_SECONDS", "AZURE_READ_TIMEOUT_SECONDS"):
        nowhere.delenv(name)
    renewed.tick(CATCH_UP)
    assert renewed.restarts() == SITES


@pytest.mark.compares_times
def test_run_ends_in_its_time_while_azure_is_slow(restarting: Scene, nowhere: pytest.MonkeyPatch) -> None:
    restarting.rotate(SECRET)  # sign-in, and what is imported
    restarting.azure.reset(propagation_seconds=0, latency_seconds={ARM: 2})
    restarting.others.clear_tables()
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "6")
    began = time.monotonic()
    assert restarting.rotate(SECRET)["Warnings"]
    assert time.monotonic() - began < 8
    assert restarting.restarts() == []


def test_run_without_time_left_reads_no_app(renewed: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "0")
    looks = len(renewed.calls(VAULT, "GET", f"/secrets/{SECRET}/versions")), len(renewed.calls(ARM))
    assert len(warnings(renewed, phrases.RUN_REACHED_LIMIT)) == 1
    assert (len(renewed.calls(VAULT, "GET", f"/secrets/{SECRET}/versions")), len(renewed.calls(ARM))) == looks


def test_run_reads_each_app_once(restarting: Scene) -> None:
    restarting.rotate()
    assert len(restarting.calls(ARM, "GET", "/processes/52")) == 2
