"""The processes of CIPP: which keys each has read, whether they sign in, and the rows that they write."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from sandbox import names
from sandbox.azurite import Tables
from sandbox.options import Options
from sandbox.seed import seed
from sandbox.tables.azurite_tables import AzuriteTables
from sandbox.tables.rows import Row, Rows
from sandbox.tokens import TokenIssuer
from tests.support.sandbox.arm import SITE, WEB, Arm
from tests.support.sandbox.cipp_process import DAY, NOON, SHAPES, main, processes, put, row, rows
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox.vault_calls import VAULT, identity_token
from tests.support.sandbox_client import Sandbox


def latest(sandbox: Sandbox, name: str) -> str:
    version: str = sandbox.state()["vaults"][names.VAULT]["secrets"][name][-1]["version"]
    return version


def store(sandbox: Sandbox, name: str, value: str) -> None:
    headers = {"Authorization": f"Bearer {identity_token(sandbox)}"}
    stored = sandbox.web().put(f"{VAULT}/secrets/{name}?api-version=7.4", json={"value": value}, headers=headers)
    assert stored.status_code == 200


def renewed_secret(app: Sam) -> None:
    """Store another client secret of the app, and remove the one that CIPP has."""
    (old,) = app.application()["passwordCredentials"]
    made = app.graph("POST", f"/v1.0/applications/{app.object_id}/addPassword", {}).json()
    store(app.sandbox, "ApplicationSecret", made["secretText"])
    app.graph("POST", f"/v1.0/applications/{app.object_id}/removePassword", {"keyId": old["keyId"]})


def test_function_apps_have_a_process_each(sandbox: Sandbox) -> None:
    sandbox.reset(now=NOON)
    found = processes(sandbox)
    assert set(found) == {names.MAIN_SITE, names.OFFLOAD_SITE}
    for process in found.values():
        assert process["phase"] == "Ready"
        assert process["works"] is True
        assert process["holds"]["RefreshToken"] == latest(sandbox, "RefreshToken")
        assert set(process["holds"]) == {"ApplicationID", "ApplicationSecret", "TenantID", "RefreshToken"}


def test_container_has_one_process_that_holds_the_certificate_too(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON)
    (process,) = sandbox.state()["cipp"]
    assert (process["phase"], process["version"], process["works"]) == ("Ready", "10.8.5", True)
    assert process["holds"]["SAMCertificate"] == latest(sandbox, "SAMCertificate")


@pytest.mark.parametrize("shape", SHAPES)
def test_removed_secret_works_again_after_half_past_midnight(sandbox: Sandbox, shape: str) -> None:
    renewed_secret(sam(sandbox, shape=shape, now=NOON, propagation_seconds=0))
    assert main(sandbox)["works"] is False
    assert main(sandbox)["fails"] == ["ApplicationSecret"]
    sandbox.advance(12 * 3600)
    assert main(sandbox)["works"] is False
    sandbox.advance(31 * 60)
    assert main(sandbox)["works"] is True
    assert main(sandbox)["holds"]["ApplicationSecret"] == latest(sandbox, "ApplicationSecret")


@pytest.mark.parametrize("shape", SHAPES)
def test_old_cipp_reads_only_at_a_start(sandbox: Sandbox, shape: str) -> None:
    renewed_secret(sam(sandbox, shape=shape, now=NOON, propagation_seconds=0, old_cipp=True))
    sandbox.advance(3 * DAY)
    assert main(sandbox)["works"] is False
    assert rows(sandbox, "AccessChecks") == []
    Arm(sandbox).call("POST", f"{SITE}/restart")
    sandbox.advance(90)
    assert main(sandbox)["works"] is True


def test_offload_app_reads_only_at_a_start(sandbox: Sandbox) -> None:
    renewed_secret(sam(sandbox, now=NOON, propagation_seconds=0))
    sandbox.advance(3 * DAY)
    assert processes(sandbox)[names.OFFLOAD_SITE]["works"] is False
    Arm(sandbox).call("POST", f"{WEB}/sites/{names.OFFLOAD_SITE}/restart", synchronous="true")
    assert processes(sandbox)[names.OFFLOAD_SITE]["works"] is True


def test_nightly_check_follows_the_zone_of_cipp(sandbox: Sandbox) -> None:
    renewed_secret(sam(sandbox, now=NOON, propagation_seconds=0, timezone="Asia/Kathmandu"))
    sandbox.advance(6.5 * 3600)  # 00:15 there
    assert main(sandbox)["works"] is False
    sandbox.advance(16 * 60)
    assert main(sandbox)["works"] is True


def test_zone_of_a_container_is_that_of_its_start(sandbox: Sandbox) -> None:
    renewed_secret(sam(sandbox, shape="container", now=NOON, propagation_seconds=0))
    put(sandbox, "Config", "TimeSettings", "TimeSettings", Timezone="Asia/Kathmandu")
    sandbox.advance(7 * 3600)
    assert main(sandbox)["works"] is False
    sandbox.advance(6 * 3600)
    assert main(sandbox)["works"] is True


def test_access_check_is_written_at_its_time(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON)
    assert row(sandbox, "AccessChecks", "AccessPermissions")["Timestamp"] == datetime.fromisoformat(
        "2026-12-02T00:32:00+00:00"
    )
    sandbox.advance(DAY)
    found = row(sandbox, "AccessChecks", "AccessPermissions")
    assert found["Timestamp"] == datetime.fromisoformat("2026-12-03T00:32:00+00:00")
    data = json.loads(found["Data"])
    assert data["ApplicationTokenDetails"]["AppId"] == names.SAM_APP_ID
    assert data["AccessTokenDetails"]["UserPrincipalName"] == names.ADMIN_NAME


def test_ended_cipp_writes_no_more_rows() -> None:
    azure = seed(Options(), TokenIssuer())
    rows, life = Rows(AzuriteTables(_none)), azure.cipp
    life.put(Row("AccessChecks", "AccessCheck", "AccessPermissions", {}))
    azure.clock.advance(DAY)
    asyncio.run(life.end())
    before = life.caught_up
    asyncio.run(life.catch_up(azure, rows))
    assert life.caught_up == before < azure.clock.now()
    assert len(life.pending) == 1


def _none() -> Tables:
    raise AssertionError("A CIPP that has ended wrote a row.")


@pytest.mark.parametrize("shape", SHAPES)
def test_failed_check_writes_a_row_with_empty_details(sandbox: Sandbox, shape: str) -> None:
    app = sam(sandbox, shape=shape, now=NOON, propagation_seconds=0)
    (password,) = app.application()["passwordCredentials"]
    app.graph("POST", f"/v1.0/applications/{app.object_id}/removePassword", {"keyId": password["keyId"]})
    sandbox.advance(DAY)
    data = json.loads(row(sandbox, "AccessChecks", "AccessPermissions")["Data"])
    assert data["ApplicationTokenDetails"] is None
    assert data["AccessTokenDetails"]["UserPrincipalName"] == ""
    assert data["Success"] is False


def test_start_of_a_container_is_dark_then_ready(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON, update_available=True)
    assert main(sandbox)["version"] == "10.8.5"
    Arm(sandbox).call("POST", f"{SITE}/restart")
    started = main(sandbox)
    assert (started["phase"], started["holds"], started["works"]) == ("Dark", {}, None)
    assert started["version"] == "10.8.6"
    for seconds, phase in ((24, "Dark"), (22, "HttpReady"), (24, "Ready")):
        sandbox.advance(seconds)
        assert main(sandbox)["phase"] == phase
        assert main(sandbox)["works"] is True
    boots = [one for one in rows(sandbox, "InstanceHealth") if one["Kind"] == "boot"]
    assert max(one["BootTime"] for one in boots) == "2026-12-02T12:00:45Z"
    assert row(sandbox, "VersionHistory", "Current")["Version"] == "10.8.6"
    assert row(sandbox, "VersionHistory", "10.8.5_to_10.8.6")["PreviousVersion"] == "10.8.5"


def test_stopped_app_has_no_process(sandbox: Sandbox) -> None:
    for shape in SHAPES:
        sandbox.reset(shape=shape)
        arm = Arm(sandbox)
        arm.call("POST", f"{SITE}/stop")
        assert (main(sandbox)["phase"], main(sandbox)["works"]) == ("Stopped", None)
        arm.call("POST", f"{SITE}/start")
        sandbox.advance(90)
        assert (main(sandbox)["phase"], main(sandbox)["works"]) == ("Ready", True)


def test_container_with_a_missing_tag_stays_dark(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    image = {"properties": {"linuxFxVersion": "DOCKER|ghcr.io/cyberdrain/cipp:none"}}
    Arm(sandbox).call("PATCH", f"{SITE}/config/web", image)
    sandbox.advance(DAY)
    assert (main(sandbox)["phase"], main(sandbox)["works"]) == ("Dark", None)


def test_container_that_is_started_too_often_stays_dark(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    arm = Arm(sandbox)
    for _ in range(4):
        arm.call("POST", f"{SITE}/restart")
        sandbox.advance(20)
    sandbox.advance(600)
    assert (main(sandbox)["phase"], main(sandbox)["works"]) == ("Dark", None)
    sandbox.advance(1800)
    arm.call("POST", f"{SITE}/restart")
    sandbox.advance(90)
    assert (main(sandbox)["phase"], main(sandbox)["works"]) == ("Ready", True)


def test_instance_health_has_samples_unless_the_version_lacks_it(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON)
    sandbox.advance(301)
    kinds = {one["RowKey"]: one["Kind"] for one in rows(sandbox, "InstanceHealth")}
    assert kinds["2026-12-02T12:05_sample"] == "sample"
    sandbox.reset(shape="container", now=NOON, no_instance_health=True)
    sandbox.advance(DAY)
    assert rows(sandbox, "InstanceHealth") == []


@pytest.mark.parametrize("shape", SHAPES)
def test_certificate_only_process_works_without_a_secret(sandbox: Sandbox, shape: str) -> None:
    app = sam(sandbox, shape=shape, now=NOON, certificate_only=True, propagation_seconds=0)
    assert app.secret == "AppSecret"
    assert main(sandbox)["works"] is True
    assert row(sandbox, "FeatureFlags", "CertificateAuthentication")["Enabled"] is True
    sandbox.advance(400 * DAY)
    assert set(main(sandbox)["fails"]) == {"SAMCertificate", "RefreshToken"}


def test_mode_that_someone_switches_is_read_with_the_keys(sandbox: Sandbox) -> None:
    app = sam(sandbox, shape="container", now=NOON, propagation_seconds=0)
    (password,) = app.application()["passwordCredentials"]
    app.graph("POST", f"/v1.0/applications/{app.object_id}/removePassword", {"keyId": password["keyId"]})
    put(sandbox, "FeatureFlags", "FeatureFlag", "CertificateAuthentication", Enabled="true")
    assert main(sandbox)["works"] is False
    sandbox.advance(DAY)
    assert main(sandbox)["works"] is True


def test_vault_that_denies_the_container_leaves_the_keys_of_before(sandbox: Sandbox) -> None:
    renewed_secret(sam(sandbox, shape="container", now=NOON, propagation_seconds=0))
    before = main(sandbox)["holds"]
    policies = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}/accessPolicies/remove"
    policy = {"objectId": names.CONTAINER_PRINCIPAL_ID, "permissions": {"secrets": ["all"]}}
    Arm(sandbox).call("PUT", policies, {"properties": {"accessPolicies": [policy]}}, version="2023-07-01")
    sandbox.advance(DAY)
    assert main(sandbox)["holds"] == before


def test_container_of_state_s12_has_no_keys(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", state="S12")
    assert (main(sandbox)["holds"], main(sandbox)["works"]) == ({}, None)


def test_tables_of_a_container_are_gone_after_a_reset(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    assert {one["RowKey"] for one in rows(sandbox, "allowedUsers")} == {names.MEMBER_NAME, names.ADMIN_NAME}
    assert row(sandbox, "SSOMigration", "MigrationConfig")["Status"] == "complete"
    assert row(sandbox, "ContainerUpdateSettings", "UpdateConfig")["CheckTime"] == "23"
    assert row(sandbox, "Config", "CIPPURL")["Value"] == "cippabc12.azurewebsites.net"
    sandbox.reset()
    for table in ("allowedUsers", "SSOMigration", "ContainerUpdateSettings", "FeatureFlags", "VersionHistory"):
        assert rows(sandbox, table) == []
    assert {"TimeSettings", "CIPPURL"}.isdisjoint(one["RowKey"] for one in rows(sandbox, "Config"))


def test_restored_state_is_what_cipp_holds(sandbox: Sandbox) -> None:
    app = sam(sandbox, now=NOON, propagation_seconds=0)
    shown = sandbox.state()
    renewed_secret(app)
    assert main(sandbox)["works"] is False
    sandbox.control("POST", "state", {part: shown[part] for part in ("vaults", "applications")})
    assert main(sandbox)["works"] is True


def test_check_takes_part_in_a_jump_of_months(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON)
    sandbox.advance(timedelta(days=120).total_seconds())
    found = row(sandbox, "AccessChecks", "AccessPermissions")
    assert found["Timestamp"] == datetime.fromisoformat("2027-04-01T00:32:00+00:00")
    assert json.loads(found["Data"])["Success"] is False
