"""The weekly run, the catch-up that finishes it, and the daily sign-in check of every key."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zlib import crc32

import pytest

from backend.azure.clients import Clients
from backend.cipp.row_lock import row_lock
from backend.rotation.planning.backoff import is_its_turn, is_pulse_due
from backend.rotation.planning.memory import KeyMemory
from sandbox import names
from tests.support import phrases
from tests.support.api import functions
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of, moment, refused
from tests.support.sandbox_client import ROOT

KEYS = (TOKEN, SECRET, CERTIFICATE)
NOON = datetime(2026, 9, 2, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(("variable", "schedule"), [(None, "0 0 0 * * 0"), ("0 30 3 * * 6", "%KEY_ROTATION_SCHEDULE%")])
def test_weekly_schedule_is_that_of_the_variable_at_import(variable: str | None, schedule: str) -> None:
    """A binding that names a variable that is not set would switch the function off without an error."""
    script = (
        "import function_app, settings.pages.keys.key_rotation as page; print([t.schedule for t in page.routes.timers])"
    )
    environ = {"PATH": "/usr/bin", **({"KEY_ROTATION_SCHEDULE": variable} if variable else {})}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == str([schedule, "0 20 * * * *"])


def test_catch_up_runs_every_hour() -> None:
    trigger = functions()["keyrotationcatchup"].get_trigger()
    assert trigger is not None
    assert trigger.get_dict_repr()["schedule"] == "0 20 * * * *"


FIRST_RUNS: dict[str, Callable[[Scene], object]] = {
    "WeeklyKeyRotation": lambda scene: scene.tick("WeeklyKeyRotation"),
    "KeyRotationCatchUp": lambda scene: scene.tick("KeyRotationCatchUp"),
    "ExecKeyRotation": lambda scene: scene.rotate(),
}


@pytest.mark.parametrize("first", FIRST_RUNS)
def test_first_run_of_a_week_leaves_nothing_to_the_others(
    scene: Scene, nowhere: pytest.MonkeyPatch, first: str
) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    FIRST_RUNS[first](scene)
    stored = {name: scene.served(name)["version"] for name in KEYS}
    assert all(scene.served(name)["tags"]["rotated-by"] for name in KEYS)
    scene.tick("WeeklyKeyRotation")
    scene.tick("KeyRotationCatchUp")
    keys = scene.rotate()["Keys"]
    assert all(key["Outcome"] == "unchanged" and key["Reason"].startswith("Not due") for key in keys)
    assert {name: scene.served(name)["version"] for name in KEYS} == stored


def test_a_week_begins_with_sunday_in_cipps_zone(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """In Honolulu (UTC-10) the timer of Sunday 00:00 UTC comes too early, and the catch-up after 10:00 does it."""
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.others.zone("Pacific/Honolulu")
    scene.midweek()
    sunday = scene.sunday()
    scene.rotate(TOKEN, force=True)
    scene.go_to(sunday)
    assert scene.report(TOKEN, dry=True)["Outcome"] == "unchanged"
    scene.go_to(sunday + timedelta(hours=9, minutes=59))
    assert scene.report(TOKEN, dry=True)["Outcome"] == "unchanged"
    scene.go_to(sunday + timedelta(hours=10, minutes=1))
    assert scene.report(TOKEN, dry=True)["Outcome"] == "planned"


@pytest.mark.parametrize(
    ("table", "variable", "zone"),
    [
        ("Australia/Sydney", "Europe/Amsterdam", "Australia/Sydney"),
        (None, "Europe/Amsterdam", "Europe/Amsterdam"),
        ("Nowhere/Land", "Europe/Amsterdam", "Europe/Amsterdam"),
        (None, None, "UTC"),
        ("Nowhere/Land", None, "UTC"),
    ],
)
def test_zone_comes_from_cipps_table_then_the_variable_then_utc(
    scene: Scene, nowhere: pytest.MonkeyPatch, table: str | None, variable: str | None, zone: str
) -> None:
    scene.azure.reset(direct_tenants=0, secrets={"TenantID": {"value": "tenantId"}})  # not set up: no sign-in
    if table:
        scene.others.zone(table)
    if variable:
        nowhere.setenv("CIPP_TIMEZONE", variable)
    assert scene.overview()["TimeZone"] == zone


def test_catch_up_retries_a_failed_key_with_increasing_waits(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.azure.faults([refused(50076)])
    scene.tick("WeeklyKeyRotation")
    tried = []
    for hour in range(1, 5):
        before = len(scene.calls(ENTRA, path=f"/{names.TENANT_ID}/", body="grant_type=refresh_token"))
        scene.go(hours=1)
        scene.tick("KeyRotationCatchUp")
        if len(scene.calls(ENTRA, path=f"/{names.TENANT_ID}/", body="grant_type=refresh_token")) > before:
            tried.append(hour)
    assert tried == [1, 3]
    scene.azure.faults([])
    scene.go(hours=4)
    scene.tick("KeyRotationCatchUp")
    assert scene.served(TOKEN)["tags"]["rotated-by"]
    assert key_of(scene.overview()["Keys"], TOKEN)["Problems"] == []


@pytest.mark.parametrize(
    ("failures", "minutes", "turn"),
    [(0, 0, True), (1, 49, False), (1, 50, True), (2, 99, False), (2, 100, True), (6, 1439, False), (9, 1440, True)],
)
def test_waits_of_a_failing_key_increase_to_a_limit(failures: int, minutes: int, *, turn: bool) -> None:
    memory = KeyMemory("x", tried=NOON - timedelta(minutes=minutes), failures=failures)
    assert is_its_turn(memory, NOON) == turn
    assert is_its_turn(None, NOON)


def test_catch_up_without_a_step_is_not_in_the_history(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.tick("KeyRotationCatchUp")
    scene.tick("KeyRotationCatchUp")
    assert [run["By"] for run in scene.overview()["Runs"]] == [phrases.HOURLY_TIMER]


def test_run_at_its_time_limit_postpones_the_rest_to_the_catch_up(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "0")
    assert {key["Outcome"] for key in scene.rotate()["Keys"]} == {"postponed"}
    assert not scene.calls(VAULT, "PUT")
    assert not scene.others.rows("CippLogs")
    nowhere.delenv("KEY_ROTATION_TIME_LIMIT_SECONDS")
    scene.tick("KeyRotationCatchUp")
    assert all(scene.served(name)["tags"]["rotated-by"] for name in KEYS)


# The pulse


def writes(scene: Scene) -> list[object]:
    """Everything that was changed in the vault or in Graph."""
    return [call for host in (VAULT, GRAPH) for call in scene.calls(host) if call["method"] != "GET"]


def hours_until_proven(name: str, hours: int, proof_tried: datetime | None) -> int | None:
    """Return after how many hours a key is checked, or None if not within three rounds."""
    memory = KeyMemory(name, proof_tried=proof_tried)
    for hour in range(3 * hours):
        if is_pulse_due(name, memory, NOON + timedelta(hours=hour), hours):
            return hour
    return None


def test_checks_are_spread_over_the_round_after_a_run_verified_all_keys() -> None:
    tenants = [f"{number:08x}-0000-0000-0000-000000000000" for number in range(240)]
    for tried in (None, NOON):
        at = [hours_until_proven(tenant, 24, tried) for tenant in tenants]
        per_hour = [at.count(hour) for hour in range(25)]
        assert max(per_hour) < 30
        assert sum(per_hour) == 240


@pytest.mark.parametrize("hours", [1, 5, 24, 168])
def test_each_key_is_checked_once_a_round(hours: int) -> None:
    memory = KeyMemory(TOKEN, proof_tried=NOON)
    proven = []
    for hour in range(4 * hours):
        now = NOON + timedelta(hours=hour, seconds=(hour % 7) - 3)  # timers are not exact
        if is_pulse_due(TOKEN, memory, now, hours):
            proven.append(hour)
            memory = KeyMemory(TOKEN, proof_tried=now + timedelta(seconds=5))
    assert len(proven) in (3, 4)
    assert {later - earlier for earlier, later in pairwise(proven)} == {hours}


def test_key_that_missed_its_hour_is_checked_in_the_next_one() -> None:
    own = NOON.replace(hour=0) + timedelta(
        hours=(crc32(TOKEN.lower().encode()) - int(NOON.timestamp() // 3600) + 12) % 24
    )
    memory = KeyMemory(TOKEN, proof_tried=own - timedelta(hours=24))
    assert is_pulse_due(TOKEN, memory, own + timedelta(hours=3), 24)
    assert not is_pulse_due(TOKEN, memory, own - timedelta(hours=1), 24)


def test_hourly_checks_sign_in_once_a_round_and_change_nothing(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "4")
    scene.midweek()
    scene.rotate()
    written, on_app = len(writes(scene)), scene.secrets_on_app()
    redeemed = len(scene.calls(ENTRA, body="grant_type=refresh_token"))
    before = scene.now()
    for _ in range(4):
        scene.go(hours=1)
        scene.tick("KeyRotationCatchUp")
    assert len(scene.calls(ENTRA, body="grant_type=refresh_token")) == redeemed + 2
    assert scene.secrets_on_app() == on_app
    assert len(writes(scene)) == written
    keys = scene.overview()["Keys"]
    assert len(keys) == 4
    assert all(moment(key["LastProven"]) > before for key in keys)


def test_hourly_checks_are_off_when_their_hours_are_0(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.midweek()
    scene.rotate()
    redeemed = len(scene.calls(ENTRA, body="grant_type=refresh_token"))
    for _ in range(3):
        scene.go(hours=1)
        scene.tick("KeyRotationCatchUp")
    assert len(scene.calls(ENTRA, body="grant_type=refresh_token")) == redeemed


def test_key_that_the_hourly_check_finds_revoked_is_rotated_immediately(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    scene.rotate()
    scene.go(hours=1)
    scene.others.store(TOKEN, "1.Adead")
    scene.tick("KeyRotationCatchUp")
    assert scene.redeems(TOKEN)
    key = key_of(scene.overview()["Keys"], TOKEN)
    assert key["Problems"] == []
    assert moment(key["Ends"]) > scene.now()


def test_revoked_key_that_cannot_be_repaired_is_alerted_once_a_day(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    scene.rotate()
    scene.go(hours=1)
    scene.azure.faults([refused(50173)])
    scene.tick("KeyRotationCatchUp")
    alerts = [row for row in scene.others.rows("CippLogs") if row["API"] == "Alerts"]
    assert [(row["Severity"], TOKEN.lower() in row["Message"].lower()) for row in alerts] == [("Critical", True)]
    assert f"{phrases.CIPP_FAILS_WITH} RefreshToken" in scene.overview()["Sentence"]


def test_the_catch_up_lists_the_vault_once(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """The listing of its run is that of its sign-in checks, too: 25 secrets a page."""
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    scene.azure.reset(propagation_seconds=0, direct_tenants=60)
    scene.rotate()
    scene.go(hours=1)
    before, proofs = len(listings(scene)), len(scene.calls(ENTRA))
    scene.tick("KeyRotationCatchUp")
    secrets = len(scene.azure.state()["vaults"][names.VAULT]["secrets"])
    assert len(listings(scene)) - before == -(-secrets // 25) == 3
    assert len(scene.calls(ENTRA)) - proofs > secrets - 5


def test_sign_in_checks_list_the_vault_if_the_run_could_not(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    scene.rotate()
    scene.go(hours=1)
    redeemed = len(scene.calls(ENTRA, body="grant_type=refresh_token"))
    with row_lock(Clients(scene.azure.env), "rotation", run_id="another", by="another"):
        scene.tick("KeyRotationCatchUp")
    assert len(scene.calls(ENTRA, body="grant_type=refresh_token")) == redeemed + 2


def listings(scene: Scene) -> list[object]:
    """Return the pages of the vault's list."""
    return [call for call in scene.calls(VAULT, "GET", "/secrets") if call["path"].rstrip("/").endswith("/secrets")]
