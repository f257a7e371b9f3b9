"""CIPP's Logbook: one line a key and run, in CIPP's own shape, alerts once a day, and never a value."""

import json
import logging
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox import names
from sandbox.tables.cipps_tables import TABLES
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.pfx import opened
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, VAULT, Scene, key_of, refused
from tests.support.sandbox_client import Sandbox

TEXTS = {
    "PartitionKey",
    "RowKey",
    "Tenant",
    "TenantID",
    "API",
    "Message",
    "Username",
    "Severity",
    "FunctionNode",
    "LogData",
}


def lines(scene: Scene, api: str = "Key Rotation") -> list[dict[str, Any]]:
    return [row for row in scene.others.rows("CippLogs") if row["API"] == api]


def line_of(scene: Scene, name: str, api: str = "Key Rotation") -> dict[str, Any]:
    (line,) = [row for row in lines(scene, api) if json.loads(row["LogData"])["Key"].lower() == name.lower()]
    return line


def test_every_key_of_a_run_has_an_entry_that_cipp_can_show(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.others.tenant_row(tenant)
    answer = scene.api().post("ExecKeyRotation")
    rotation, correlation_id = answer.results, answer.headers["x-correlation-id"]
    assert len(scene.others.rows("CippLogs")) == len(rotation["Keys"]) == 4
    for key in rotation["Keys"]:
        line = line_of(scene, key["Name"])
        assert set(line) == TEXTS | {"sentAsAlert"}
        assert all(isinstance(line[name], str) for name in TEXTS)
        assert line["PartitionKey"] == f"{scene.now():%Y%m%d}"
        assert str(uuid.UUID(line["RowKey"])) == line["RowKey"]
        assert line["sentAsAlert"] is False
        assert line["Severity"] == "Info"
        assert line["Username"] == "CIPP"
        assert line["FunctionNode"] == names.BACKEND_SITE
        assert key["Reason"] in line["Message"]
        data = json.loads(line["LogData"])
        assert data.pop("CorrelationId") == correlation_id
        assert data == {"RunId": rotation["RunId"], "Key": key["Name"], "Outcome": "rotated"}
    entry = line_of(scene, tenant)
    assert (entry["Tenant"], entry["TenantID"]) == ("fabrikam.onmicrosoft.com", tenant)
    assert (line_of(scene, TOKEN)["Tenant"], line_of(scene, TOKEN)["TenantID"]) == ("None", "None")
    scene.rotate()  # nothing was done, so nothing is logged
    assert len(scene.others.rows("CippLogs")) == 4


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_partition_is_the_local_day(scene: Scene, zone: str) -> None:
    scene.others.zone(zone)
    day = scene.now().date()
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=10, minutes=30)
    scene.go_to(at)  # it is another day in either zone
    scene.rotate(TOKEN)
    assert line_of(scene, TOKEN)["PartitionKey"] == f"{at.astimezone(ZoneInfo(zone)):%Y%m%d}" != f"{at:%Y%m%d}"


def test_failure_is_critical_and_has_its_advice_and_tenant(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.others.tenant_row(tenant)
    scene.azure.faults([refused(700082, tenant)])
    keys = scene.rotate()["Keys"]
    line = line_of(scene, tenant)
    assert line["Severity"] == "Critical"
    assert (line["Tenant"], line["TenantID"]) == ("fabrikam.onmicrosoft.com", tenant)
    assert "AADSTS700082" in line["Message"]
    assert key_of(keys, tenant)["Advice"] in line["Message"]
    assert {line_of(scene, name)["Severity"] for name in (TOKEN, SECRET, CERTIFICATE)} == {"Info"}
    alert = line_of(scene, tenant, "Alerts")
    assert alert["Severity"] == "Critical"
    assert (alert["Tenant"], alert["TenantID"]) == ("fabrikam.onmicrosoft.com", tenant)
    assert set(alert) == TEXTS | {"sentAsAlert"}
    assert len(lines(scene, "Alerts")) == 1


def test_each_critical_entry_is_an_error_in_the_log_stream(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Also of a run by hand, which no timer logs: the alert `run-failed` outside CIPP looks for such lines."""
    scene.azure.faults([refused(50173)])
    scene.rotate(TOKEN)
    critical = [line["Message"] for api in ("Alerts", "Key Rotation") for line in lines(scene, api)]
    assert len(critical) == 2
    errors = [
        json.loads(record.getMessage())
        for record in caplog.records
        if record.name == "cipp.logbook" and record.levelno == logging.ERROR
    ]
    assert sorted(line["message"] for line in errors) == sorted(f"Critical: {message}" for message in critical)
    assert not [line for line in errors if "event" in line]


def test_an_alert_comes_at_most_once_a_day_and_key(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    for _ in range(2):
        scene.rotate(TOKEN)
        scene.go(hours=11)
    assert len(lines(scene, "Alerts")) == 1
    assert len(lines(scene)) == 2
    scene.go(hours=3)
    scene.rotate(TOKEN)
    assert len(lines(scene, "Alerts")) == 2


@pytest.mark.parametrize(("left", "alerts"), [(15, 0), (13, 1)])
def test_key_that_expires_within_14_days_is_an_alert(
    scene: Scene, nowhere: pytest.MonkeyPatch, left: int, alerts: int
) -> None:
    """It is about to end, and was not rotated: here since it was made just now, to live that long."""
    del nowhere
    made = scene.others.add_secret(endDateTime=(scene.now() + timedelta(days=left)).isoformat())
    scene.others.store(SECRET, made["secretText"])
    scene.others.restrict("passwordCredentials", restrictionType="passwordLifetime", maxLifetime=f"P{left}D")
    scene.rotate(SECRET)
    alert_entries = lines(scene, "Alerts")
    assert len(alert_entries) == alerts
    assert all(made["endDateTime"][:10] in line["Message"] for line in alert_entries)


def test_days_before_an_expiry_alert_are_a_setting(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_WARN_DAYS", "100")
    scene.rotate(TOKEN)
    assert len(lines(scene, "Alerts")) == 1  # a refresh token lives 90 days


def test_alert_is_not_repeated_after_the_failure_is_over(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    scene.rotate(TOKEN)
    scene.azure.faults([])
    scene.rotate(TOKEN)
    scene.go(hours=25)
    scene.rotate(TOKEN)
    assert len(lines(scene, "Alerts")) == 1


def test_scheduled_run_without_changes_is_logged_once_a_day(scene: Scene) -> None:
    scene.azure.faults([{"host": VAULT, "path": "^/secrets/?$", "mode": "refuse", "status": 403, "times": 0}])
    for _ in range(2):
        scene.tick("WeeklyKeyRotation")
        scene.tick("KeyRotationCatchUp")
    entries = scene.others.rows("CippLogs")
    assert sorted(line["API"] for line in entries) == ["Alerts", "Key Rotation"]
    for line in entries:
        assert line["Severity"] == "Critical"
        assert phrases.LIST_SECRETS in line["Message"]
        assert "az keyvault set-policy" in line["Message"]


def test_logbook_is_written_to_the_storage_that_the_setting_names(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_STORAGE", scene.azure.env["AzureWebJobsStorage"])
    nowhere.setenv("AzureWebJobsStorage", "DefaultEndpointsProtocol=http;AccountName=x;AccountKey=eA==")
    scene.rotate(TOKEN)
    assert line_of(scene, TOKEN)


def test_logbook_is_the_only_table_of_cipp_that_is_created(scene: Scene) -> None:
    scene.rotate(TOKEN)
    scene.prove(TOKEN)
    scene.overview()
    tables = {table.name for table in scene.others.tables.list_tables()}
    assert {name for name in tables if not name.startswith("CippBackend")} == {"CippLogs", *TABLES}


# Storage that is missing or hangs


def test_run_without_storage_reports_missing_lock_and_history(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    rotation = scene.rotate(TOKEN)
    assert key_of(rotation["Keys"], TOKEN)["Outcome"] == "rotated"
    assert "lock" in rotation["Warnings"][0]
    assert "history" in rotation["Warnings"][0]
    assert scene.overview()["Runs"] == []
    assert {table.name for table in scene.others.tables.list_tables()} == set(TABLES)


def test_hanging_storage_allows_a_dry_run_and_refuses_a_run(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv(
        "AzureWebJobsStorage",
        re.sub(r"(TableEndpoint=http://127\.0\.0\.1):\d+", r"\1:1", scene.azure.env["AzureWebJobsStorage"]),
    )
    before = scene.azure.state()["vaults"]
    assert key_of(scene.rotate(TOKEN, dry=True)["Keys"], TOKEN)["Outcome"] == "planned"
    answer = Api().post("ExecKeyRotation", {"Names": [TOKEN]})
    assert answer.status == 500
    assert "lock" in answer.results
    assert scene.azure.state()["vaults"] == before


# No value, no part of one


def pieces(value: str) -> set[str]:
    """Parts of a value that are long enough to be of it: its ends, and what lies between."""
    return {value[start : start + 8] for start in range(0, max(len(value) - 8, 1), max(len(value) // 40, 1))}


def test_logbook_never_contains_a_secret_or_a_part_of_one(
    scene: Scene, azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    tenant = scene.tenants()[0]
    answers = [scene.rotate()]
    for _ in range(2):
        scene.go(hours=2)
        answers.append(scene.rotate(force=True))
    azure.faults([refused(50173, tenant)])
    answers += [scene.rotate(force=True), scene.rotate(dry=True), {"Proofs": scene.prove()}, scene.overview()]
    scene.tick("KeyRotationCatchUp")
    values = {version["value"] for name in (TOKEN, tenant, SECRET) for version in scene.versions(name)}
    values |= {one["secretText"] for one in scene.secrets_on_app()}
    for version in scene.versions(CERTIFICATE):
        numbers = opened(version["value"])[0].private_numbers()
        values |= {version["value"][200:], f"{numbers.d:x}", f"{numbers.p:x}"}
    rows = [row for table in scene.others.tables.list_tables() for row in scene.others.rows(table.name)]
    outputs = json.dumps([answers, rows, caplog.messages], default=str)
    assert len(rows) > 20
    assert len(values) > 12
    for value in values:
        assert not [piece for piece in pieces(value) if piece in outputs]
