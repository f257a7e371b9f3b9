"""When CIPP read its keys, by its tables as CIPP writes them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from backend.azure.clients import Clients
from backend.cipp.feature_flags import Flag, read_certificate_flag
from backend.cipp.key_reads import KeyReads, Sign, read_key_reads
from backend.concurrency.deadline import Deadline
from tests.support.rotation.others import Others
from tests.support.rotation.scene import moment
from tests.support.sandbox_client import Sandbox

NOW = datetime.now(UTC)
TABLES = ("AccessChecks", "InstanceHealth", "VersionHistory", "FeatureFlags")
DETAILS = {
    "AccessTokenDetails": {"Name": "CIPP", "UserPrincipalName": "cipp@contoso.com"},
    "ApplicationTokenDetails": {"AppId": "the app"},
    "ErrorMessages": [],
    "CPVRefreshList": [],
}


@pytest.fixture
def cipp(azure: Sandbox) -> Others:
    others = Others(azure)
    others.clear_tables()
    return others


def read(others: Others, *signs: Sign) -> KeyReads:
    return read_key_reads(Clients(others.azure.env), signs or tuple(Sign), NOW, Deadline.after(20))


def check_row(others: Others, **columns: str) -> None:
    others.row("AccessChecks", "AccessCheck", "AccessPermissions", **columns)


def test_signs_are_unknown_without_their_tables(cipp: Others) -> None:
    assert read(cipp) == KeyReads()


def test_signs_are_unknown_without_their_rows(cipp: Others) -> None:
    for table in TABLES:
        cipp.row(table, "another", "row")
    assert read(cipp) == KeyReads()


def test_permissions_check_has_the_time_of_its_row(cipp: Others) -> None:
    now = moment(cipp.azure.state()["now"])
    check_row(cipp, Data=json.dumps(DETAILS))
    check = read(cipp).access_check
    assert check is not None
    assert (check.app_id, check.user, check.is_mismatch) == ("the app", "cipp@contoso.com", False)
    assert abs(check.at - now) < timedelta(minutes=1)


@pytest.mark.parametrize("is_list", [True, False])
def test_permissions_check_of_many_tenants_is_joined(cipp: Others, is_list: bool) -> None:
    """CIPP splits a text of more than about 30,000 characters into columns."""
    data = json.dumps({"CPVRefreshList": [{"CustomerId": "x" * 36}] * 900, **DETAILS})
    parts = {f"Data_Part{at // 30_000}": data[at : at + 30_000] for at in range(0, len(data), 30_000)}
    split = {"OriginalHeader": "Data", "SplitHeaders": list(parts)}
    check_row(cipp, **parts, SplitOverProps=json.dumps([split] if is_list else split))
    check = read(cipp).access_check
    assert check is not None
    assert check.app_id == "the app"


@pytest.mark.parametrize("columns", [{}, {"Data": ""}, {"SplitOverProps": "x"}, {"SplitOverProps": "[1]"}])
def test_permissions_check_without_readable_data_has_no_details(cipp: Others, columns: dict[str, str]) -> None:
    check_row(cipp, **columns)
    check = read(cipp).access_check
    assert check is not None
    assert (check.app_id, check.user) == ("", "")


def test_newest_boot_counts_and_samples_do_not(cipp: Others) -> None:
    boots = [NOW - timedelta(days=days) for days in (100, 3, 20)]
    for boot in boots:
        key = f"{boot:%Y-%m-%dT%H:%M}_boot"
        cipp.row("InstanceHealth", "InstanceHealth", key, Kind="boot", BootTime=f"{boot:%Y-%m-%dT%H:%M:%SZ}")
    cipp.row("InstanceHealth", "InstanceHealth", f"{NOW:%Y-%m-%dT%H:%M}_sample", Kind="sample", BootTime="2099-01-01")
    cipp.row("InstanceHealth", "InstanceHealth", "9999-99-99T00:00_boot", Kind="boot", BootTime="soon")
    assert read(cipp).booted == boots[1].replace(microsecond=0)


def test_current_version_has_the_time_of_its_first_start(cipp: Others) -> None:
    cipp.row("VersionHistory", "Version", "Current", Version="10.9.0", RecordedAt="2026-09-02T12:00:00Z")
    assert read(cipp).version_since == datetime(2026, 9, 2, 12, tzinfo=UTC)


def test_only_the_wanted_signs_are_read(cipp: Others) -> None:
    check_row(cipp, Data=json.dumps(DETAILS))
    cipp.row("VersionHistory", "Version", "Current", Version="10.9.0", RecordedAt="2026-09-02T12:00:00Z")
    key_reads = read(cipp, Sign.ACCESS_CHECK)
    assert key_reads.access_check
    assert key_reads.version_since is None


@pytest.mark.parametrize("table", TABLES[:3])
def test_unreadable_table_does_not_hide_the_other_tables(cipp: Others, table: str) -> None:
    check_row(cipp, Data=json.dumps(DETAILS))
    boot = f"{NOW:%Y-%m-%dT%H:%M}"
    cipp.row("InstanceHealth", "InstanceHealth", f"{boot}_boot", Kind="boot", BootTime=f"{boot}:00Z")
    cipp.row("VersionHistory", "Version", "Current", RecordedAt=f"{boot}:00Z")
    cipp.azure.faults([{"host": "127.0.0.1", "path": table, "mode": "refuse", "status": 403, "times": 0}])
    key_reads = read(cipp)
    known = {
        "AccessChecks": key_reads.access_check,
        "InstanceHealth": key_reads.booted,
        "VersionHistory": key_reads.version_since,
    }
    assert {name for name, value in known.items() if value is None} == {table}


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        (None, Flag.OFF),
        ({"Enabled": True, "LastModified": "2026-09-02T12:00:00Z"}, Flag.ON),
        ({"Enabled": "True"}, Flag.ON),
        ({"Enabled": False}, Flag.OFF),
        ({"Enabled": "false", "DefaultRule": "x"}, Flag.OFF),
        ({"LastModified": "2026-09-02T12:00:00Z"}, Flag.UNREADABLE),
        ({"Enabled": 1}, Flag.UNREADABLE),
    ],
)
def test_flag_of_certificate_only_mode(cipp: Others, columns: dict[str, object] | None, state: Flag) -> None:
    clients = Clients(cipp.azure.env)
    assert read_certificate_flag(clients).state is Flag.OFF  # the table is missing
    cipp.row("FeatureFlags", "FeatureFlag", "Another", Enabled=True)
    if columns is not None:
        cipp.row("FeatureFlags", "FeatureFlag", "CertificateAuthentication", **columns)
    assert read_certificate_flag(clients).state is state


@pytest.mark.parametrize("fault", [{"mode": "refuse", "status": 403}, {"mode": "drop-before"}])
def test_flag_is_unreadable_if_its_table_is(cipp: Others, fault: dict[str, object]) -> None:
    cipp.azure.faults([{"host": "127.0.0.1", "path": "FeatureFlags", "times": 0, **fault}])
    flag = read_certificate_flag(Clients({**cipp.azure.env, "AZURE_DEADLINE_SECONDS": "1"}))
    assert flag.state is Flag.UNREADABLE
    assert "FeatureFlags" in flag.problem


def test_flag_is_unconfigured_without_a_storage_account(cipp: Others) -> None:
    environ = {name: value for name, value in cipp.azure.env.items() if name != "AzureWebJobsStorage"}
    flag = read_certificate_flag(Clients(environ))
    assert flag.state is Flag.UNCONFIGURED
    assert "CIPP_STORAGE" in flag.problem
    assert (flag.if_needed.state, flag.if_needed.problem) == (Flag.UNREADABLE, flag.problem)
