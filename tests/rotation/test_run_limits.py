"""A run's limits: its own time, what the vault and Entra take, and how long the host lets it live."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from backend.configuration.function_timeout import function_seconds
from tests.support import phrases
from tests.support.rotation.scene import ENTRA, VAULT, Scene

pytestmark = pytest.mark.compares_times

SLOW = {"login.microsoftonline.com": 1.5, "vault": 0.05}


def start(scene: Scene, tenants: int, **options: object) -> None:
    scene.azure.reset(propagation_seconds=0, direct_tenants=tenants, **options)


def outcomes(keys: list[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(key["Outcome"] for key in keys))


def rotated_names(scene: Scene) -> set[str]:
    """Return the tenants of whose secrets the vault holds a second version."""
    return {name for name in scene.tenants() if len(scene.versions(name)) > 1}


def busy(host: str, method: str, **fault: object) -> dict[str, object]:
    return {"host": host, "method": method, "mode": "refuse", "status": 429, **fault}


@pytest.mark.slow("it rotates 120 tokens against a time limit")
@pytest.mark.usefixtures("three_sign_in_checks")
def test_run_by_http_stops_in_time_and_the_next_run_continues(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    start(scene, 120, latency_seconds={**SLOW, ENTRA: 1.0})
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "12")
    began = time.monotonic()
    first = scene.rotate()
    assert time.monotonic() - began < 12
    counts = outcomes(first["Keys"])
    assert counts.keys() == {"rotated", "postponed"}
    assert counts["postponed"] > 2
    left = {key["Name"] for key in first["Keys"] if key["Outcome"] == "postponed"}
    assert "SAMCertificate" in left  # the client secret may be done before
    assert all(phrases.TIME_LIMIT in key["Reason"] and key["Advice"] for key in first["Keys"] if key["Name"] in left)
    assert rotated_names(scene) == {key["Name"] for key in first["Keys"]} - left - {"RefreshToken", "ApplicationSecret"}
    nowhere.delenv("KEY_ROTATION_TIME_LIMIT_SECONDS")
    tenants = scene.tenants()
    assert outcomes(scene.rotate(*tenants)["Keys"]) == {
        "rotated": len(left & set(tenants)),
        "unchanged": len(set(tenants) - left),
    }


@pytest.mark.slow("it rotates 50 tokens against a time limit")
def test_catch_up_rotates_the_keys_that_a_run_postponed(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    start(scene, 50, latency_seconds={"vault": 0.3})
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "4")
    scene.tick("WeeklyKeyRotation")
    assert len(rotated_names(scene)) < 50
    nowhere.delenv("KEY_ROTATION_TIME_LIMIT_SECONDS")
    scene.tick("KeyRotationCatchUp")
    assert len(rotated_names(scene)) == 50
    assert all(len(scene.versions(name)) == 2 for name in scene.tenants())


@pytest.mark.slow("a run takes all of its time")
def test_a_timers_run_ends_before_the_host_ends_the_function(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    start(scene, 150, latency_seconds=SLOW)
    nowhere.setenv("AzureFunctionsJobHost__functionTimeout", "00:00:14")
    began = time.monotonic()
    scene.tick("WeeklyKeyRotation")
    assert time.monotonic() - began < 14
    assert 0 < len(rotated_names(scene)) < 150


def test_run_without_time_left_changes_nothing(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    start(scene, 3)
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "0")
    assert outcomes(scene.rotate()["Keys"]) == {"postponed": 6}
    assert rotated_names(scene) == set()


@pytest.mark.slow("the vault's limit is that of 10 s")
def test_vault_with_a_lower_limit_only_slows_the_run(scene: Scene) -> None:
    start(scene, 30, vault_writes_per_10s=20)
    began = time.monotonic()
    assert outcomes(scene.rotate()["Keys"]) == {"rotated": 33}
    assert 9 < time.monotonic() - began < 40
    puts = scene.calls(VAULT, "PUT")
    assert sum(call["status"] == 200 for call in puts) == 33
    assert len(puts) < 33 + 32 + 12  # those under way when the first was refused, then one at a time


@pytest.mark.slow("a run takes all of its time")
def test_key_is_postponed_when_the_vaults_limit_leaves_too_little_time(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    start(scene, 30, vault_writes_per_10s=20)
    nowhere.setenv("KEY_ROTATION_TIME_LIMIT_SECONDS", "8")
    began = time.monotonic()
    assert outcomes(scene.rotate()["Keys"]) == {"rotated": 20, "postponed": 13}
    assert time.monotonic() - began < 8
    assert len(scene.secrets_on_app()) == 1


def test_retry_after_of_the_vault_is_honored(scene: Scene) -> None:
    scene.azure.faults([busy(VAULT, "PUT", retry_after="2")])
    began = time.monotonic()
    assert outcomes(scene.rotate()["Keys"]) == {"rotated": 4}
    assert 2 < time.monotonic() - began < 12


def test_key_is_postponed_when_the_vaults_retry_after_is_too_long(scene: Scene) -> None:
    scene.azure.faults([busy(VAULT, "PUT", times=0, retry_after="900")])
    began = time.monotonic()
    assert outcomes(scene.rotate()["Keys"]) == {"postponed": 4}
    assert time.monotonic() - began < 15
    assert len(scene.secrets_on_app()) == 1
    assert scene.certificates_on_app() == []


def test_retry_after_of_entra_may_exceed_the_deadline_of_one_call(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    tenant = scene.tenants()[0]
    scene.azure.faults([busy(ENTRA, "POST", path=f"/{tenant}/*", retry_after="2")])
    assert scene.report(tenant)["Outcome"] == "rotated"


def test_key_is_postponed_when_entras_retry_after_is_too_long(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.azure.faults([busy(ENTRA, "POST", path=f"/{tenant}/*", times=0, retry_after="900")])
    report = scene.report(tenant)
    assert report["Outcome"] == "postponed"
    assert "900 s" in report["Reason"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("00:10:00", 600),
        ("00:00:30", 30),
        ("01:30", 5400),
        ("1.00:00:00", 86_400),
        ("00:05:00.5", 300),
        ("-1", float("inf")),
        ("", 300),
        ("soon", 300),
    ],
)
def test_function_timeout_is_read_from_host_json(tmp_path: Path, written: str, seconds: float) -> None:
    host_json = tmp_path / "host.json"
    host_json.write_text(f'{{"functionTimeout": "{written}"}}')
    assert function_seconds({}, host_json) == seconds
    assert function_seconds({"AzureFunctionsJobHost__functionTimeout": "00:01:00"}, host_json) == 60


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"functionTimeout": null}'])
def test_host_json_without_a_timeout_means_the_shortest_default(tmp_path: Path, content: str) -> None:
    host_json = tmp_path / "host.json"
    assert function_seconds({}, host_json) == 300
    host_json.write_text(content)
    assert function_seconds({}, host_json) == 300


def test_host_json_of_this_app_has_ten_minutes() -> None:
    assert function_seconds({}) == 600
