"""When the admin is alerted: one alert for one cause, none for a first timeout, and each once a day."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.cipp.tables import Tenant
from backend.rotation.planning.memory import KeyMemory, tried
from backend.rotation.reporting.messages import RunMessages, Trouble, memory_of, of_untouched
from backend.rotation.results import Details, KeyReport
from tests.support import phrases
from tests.support.rotation.scene import ENTRA, TOKEN, VAULT, Scene, refused

Json = Any  # what JSON may hold
NOON = datetime(2026, 9, 2, 12, 20, tzinfo=UTC)
CAUSE = "Nothing signs in."
SILENT_ENTRA = {"host": ENTRA, "mode": "drop-before", "times": 0}


def lines(scene: Scene, api: str) -> list[dict[str, Json]]:
    return [row for row in scene.others.rows("CippLogs") if row["API"] == api]


def messages(scene: Scene) -> list[str]:
    return [row["Message"] for row in lines(scene, "Alerts")]


def tenant(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


def trouble(number: int, failures: int = 1, *, alerted: datetime | None = None, **details: Json) -> Trouble:
    """Return the trouble of a tenant's token that failed so often in a row."""
    report = KeyReport(name=tenant(number), kind="TenantRefreshToken", outcome="failed", reason="R.", advice="A.")
    memory = KeyMemory(tenant(number), failures=failures, problem="R.", advice="A.", alerted=alerted)
    return Trouble(report, Details(**details), memory)


def alerts_of(troubles: Sequence[Trouble], memories: dict[str, KeyMemory] | None = None) -> list[str]:
    lines, _ = RunMessages("0123456789ab", None, 14).alerts(troubles, memories or {}, NOON)
    return [line.message for line in lines]


# One cause is one alert


@pytest.mark.slow("several runs of 43 keys")
def test_one_cause_of_43_keys_is_one_critical_alert_a_day(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.azure.reset(propagation_seconds=0, direct_tenants=40)
    for name in scene.tenants():
        scene.others.tenant_row(name)
    scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 7000215, "times": 0}])
    scene.midweek()
    assert {key["Outcome"] for key in scene.rotate()["Keys"]} == {"failed"}
    (alert,) = lines(scene, "Alerts")
    (line,) = lines(scene, "Key Rotation")
    assert (alert["Severity"], line["Severity"]) == ("Critical", "Critical")
    assert " 43 of CIPP's keys. " in alert["Message"]
    assert f"{phrases.SAME_REASON}: RefreshToken" in alert["Message"]
    assert "and 40 more" in alert["Message"]
    assert "AADSTS7000215" in alert["Message"]
    assert phrases.OTHERS_WITH_REASON in line["Message"]
    assert json.loads(alert["LogData"])["Keys"] == 43
    for _ in range(3):
        scene.go(hours=7)
        scene.tick("KeyRotationCatchUp")
    assert len(lines(scene, "Alerts")) == 1
    assert [row["Severity"] for row in lines(scene, "Key Rotation")].count("Critical") == 1
    scene.go(hours=4)
    scene.rotate()
    assert len(lines(scene, "Alerts")) == 2


def test_a_common_cause_and_a_keys_own_reason_are_two_alerts() -> None:
    shared = [trouble(number, common_cause=CAUSE) for number in range(5)]
    found = alerts_of([*shared, trouble(9)])
    assert ["5 of CIPP's keys" in message for message in found] == [True, False]


def test_cause_is_alerted_once_a_day_and_a_new_cause_immediately() -> None:
    shared = [trouble(number, common_cause=CAUSE) for number in range(5)]
    memory = memory_of(CAUSE, {})
    today = {memory.name: KeyMemory(memory.name, alerted=NOON - timedelta(hours=23))}
    yesterday = {memory.name: KeyMemory(memory.name, alerted=NOON - timedelta(hours=24))}
    assert alerts_of(shared, today) == []
    assert len(alerts_of(shared, yesterday)) == 1
    assert len(alerts_of([*shared, trouble(9, common_cause="Another.")], today)) == 1


def test_a_common_cause_does_not_count_as_the_alert_of_a_key() -> None:
    _, alerted = RunMessages("0123456789ab", None, 14).alerts([trouble(1, common_cause=CAUSE)], {}, NOON)
    assert [memory.name for memory in alerted] == [memory_of(CAUSE, {}).name]


# A first timeout is not alerted


def test_first_timeout_is_not_alerted_and_the_second_one_is(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    name = scene.tenants()[0]
    scene.others.tenant_row(name)
    scene.azure.faults([{"host": ENTRA, "path": f"/{name}/*", "mode": "drop-before", "times": 0}])
    assert scene.report(name)["Outcome"] == "failed"
    assert messages(scene) == []
    assert [row["Severity"] for row in lines(scene, "Key Rotation")] == ["Warning"]
    scene.go(hours=1)
    scene.rotate(name)
    (message,) = messages(scene)
    assert name in message
    scene.azure.faults([])
    scene.go(hours=1)
    assert scene.report(name)["Outcome"] == "rotated"


def test_timeouts_of_all_keys_are_one_alert_only_the_second_time(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    scene.others.tenant_row(scene.tenants()[0])
    scene.azure.faults([SILENT_ENTRA])
    scene.rotate()
    assert messages(scene) == []
    scene.go(hours=1)
    scene.rotate()
    (message,) = messages(scene)
    assert " 4 of CIPP's keys." in message


def test_three_keys_that_time_out_twice_share_an_alert() -> None:
    assert alerts_of([trouble(number, is_timeout=True) for number in range(5)]) == []
    assert len(alerts_of([trouble(number, 2, is_timeout=True) for number in range(2)])) == 2
    (message,) = alerts_of([trouble(number, 2, is_timeout=True) for number in range(3)])
    assert " 3 of CIPP's keys. " in message
    assert phrases.TIMED_OUT_TWICE in message
    troubles = [trouble(number, 3, is_timeout=True, alerted=NOON - timedelta(hours=1)) for number in range(5)]
    assert alerts_of(troubles) == []
    assert len(alerts_of([*troubles, trouble(9, 2, is_timeout=True)])) == 1


def test_timeout_after_another_failure_is_alerted() -> None:
    assert len(alerts_of([trouble(1, 2, is_timeout=True)])) == 1


def test_postponed_key_is_not_alerted_for_earlier_failures() -> None:
    report = KeyReport(name=TOKEN, kind="RefreshToken", outcome="postponed", reason="The run's time was over.")
    assert alerts_of([Trouble(report, Details(), KeyMemory(TOKEN.lower(), failures=2))]) == []


def test_an_unknown_tenant_is_part_of_no_alert() -> None:
    known = {tenant(1): Tenant(tenant(1), "Fabrikam", "fabrikam.onmicrosoft.com", excluded=False)}
    messages = RunMessages("0123456789ab", known, 14)
    (line,), _ = messages.alerts([trouble(1, common_cause=CAUSE), trouble(2, common_cause=CAUSE)], {}, NOON)
    assert line.tenant == "fabrikam.onmicrosoft.com"


# A run that fails before it touched a key


def test_single_timeout_before_the_first_key_is_not_alerted(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    silent = {"host": VAULT, "path": "^/secrets/?$", "mode": "drop-before", "times": 0}
    for _ in range(2):
        scene.azure.faults([silent])
        scene.tick("KeyRotationCatchUp")
        assert messages(scene) == []
        scene.azure.faults([])
        scene.go(hours=1)
        scene.tick("KeyRotationCatchUp")
    scene.azure.faults([silent])
    scene.tick("KeyRotationCatchUp")
    scene.go(hours=1)
    scene.tick("KeyRotationCatchUp")
    scene.go(hours=1)
    scene.tick("KeyRotationCatchUp")
    (message,) = messages(scene)
    assert phrases.BEFORE_ANY_KEY in message


def test_refusal_before_the_first_key_is_alerted_once_a_day() -> None:
    lines, memory = of_untouched("M.", KeyMemory("c"), NOON, is_timeout=False)
    assert [(line.api, line.severity) for line in lines] == [("Key Rotation", "Critical"), ("Alerts", "Critical")]
    assert of_untouched("M.", memory, NOON + timedelta(hours=23), is_timeout=False)[0] == []
    assert len(of_untouched("M.", memory, NOON + timedelta(hours=24), is_timeout=False)[0]) == 2


# What a run found revoked


def test_revoked_token_in_a_run_withdraws_the_promise_of_the_overview(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    scene.rotate(TOKEN)
    assert f"{phrases.CIPP_FAILS_WITH} RefreshToken" in scene.overview()["Sentence"]
    scene.azure.faults([])
    scene.rotate(TOKEN)
    assert phrases.CIPP_WORKS in scene.overview()["Sentence"]


def test_revoked_key_keeps_the_time_of_its_first_refusal() -> None:
    report = KeyReport(name=TOKEN, kind="RefreshToken", outcome="failed", reason="R.")
    once = tried(KeyMemory(TOKEN), report, NOON, is_revoked=True)
    twice = tried(once, report, NOON + timedelta(hours=1), is_revoked=True)
    assert (once.dead_since, twice.dead_since, twice.failures) == (NOON, NOON, 2)
    assert tried(KeyMemory(TOKEN), report, NOON).dead_since is None
    for outcome in ("rotated", "unchanged"):
        over = KeyReport(name=TOKEN, kind="RefreshToken", outcome=outcome, reason="R.")
        assert tried(twice, over, NOON).dead_since is None
