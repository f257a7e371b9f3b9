"""CIPP's time zone while CIPP's table Config is missing, refused or times out."""

import logging
import os
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest

from backend.azure.clients import Clients
from backend.cipp.tables import CippTables
from sandbox import names
from tests.support import phrases
from tests.support.admin import Admin
from tests.support.api import Api
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

TABLES_HOST = f"{names.STORAGE_ACCOUNT}.table.core.windows.net"
UNREAD: dict[str, dict[str, object]] = {
    "refused": {"mode": "refuse", "status": 403},
    "busy": {"mode": "refuse", "status": 503, "retry_after": 3600},
    "hung": {"mode": "hang"},
    "cut": {"mode": "drop-before"},
    "not JSON": {"answer": {"status": 200, "body": "<html></html>"}},
}
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def others(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Others:
    """CIPP's storage, opened with this app's identity. CIPP has set no zone."""
    nowhere.delenv("AzureWebJobsStorage")
    nowhere.setenv("CIPP_STORAGE__accountName", names.STORAGE_ACCOUNT)
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    Admin(azure).give_role("Storage Table Data Contributor", names.RESOURCE_GROUP_ID)
    made = Others(azure)
    made.clear_tables()
    return made


@pytest.fixture(params=list(UNREAD))
def unread(request: pytest.FixtureRequest) -> dict[str, object]:
    """A fault: the table Config can't be read."""
    return {"host": TABLES_HOST, "path": "/Config", "times": 0, **UNREAD[request.param]}


def tables() -> CippTables:
    return CippTables(Clients(os.environ), os.environ)


def test_zone_is_unknown_when_the_table_was_never_read(
    others: Others, unread: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    others.zone("Asia/Tokyo")
    others.azure.faults([unread])
    found = tables()
    with caplog.at_level(logging.WARNING, "cipp.tables"):
        assert found.zone() is UTC
        assert found.zone() is UTC
    assert found.is_zone_unknown
    (problem,) = found.zone_problems
    assert phrases.CONFIG_UNREADABLE in problem
    assert [record.message.count(phrases.CONFIG_UNREADABLE) for record in caplog.records] == [1]


def test_last_known_zone_stays_when_the_table_cannot_be_read(others: Others, unread: dict[str, object]) -> None:
    others.zone("Asia/Tokyo")
    found = tables()
    assert found.zone() == TOKYO
    others.azure.faults([unread])
    assert (found.zone(), found.is_zone_unknown, found.zone_problems) == (TOKYO, False, [])


def test_utc_is_known_when_no_zone_was_set_before(others: Others, unread: dict[str, object]) -> None:
    found = tables()
    assert found.zone() is UTC
    others.azure.faults([unread])
    assert (found.zone(), found.is_zone_unknown, found.zone_problems) == (UTC, False, [])


def test_setting_names_the_zone_when_the_table_was_never_read(
    others: Others, unread: dict[str, object], nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("CIPP_TIMEZONE", "Asia/Tokyo")
    others.azure.faults([unread])
    found = tables()
    assert (found.zone(), found.is_zone_unknown, found.zone_problems) == (TOKYO, False, [])


def test_zone_is_known_again_after_the_next_read(others: Others, unread: dict[str, object]) -> None:
    others.zone("Asia/Tokyo")
    others.azure.faults([unread])
    found = tables()
    assert (found.zone(), found.is_zone_unknown) == (UTC, True)
    others.azure.faults([])
    assert (found.zone(), found.is_zone_unknown, found.zone_problems) == (TOKYO, False, [])


@pytest.mark.parametrize("is_there", [True, False], ids=["row", "table"])
def test_zone_that_was_never_set_is_utc_without_a_warning(
    others: Others, caplog: pytest.LogCaptureFixture, *, is_there: bool
) -> None:
    if not is_there:
        others.tables.delete_table("Config")
    found = tables()
    with caplog.at_level(logging.INFO, "cipp.tables"):
        assert (found.zone(), found.is_zone_unknown, found.zone_problems) == (UTC, False, [])
    assert not caplog.records


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("Asia/Tokyo", TOKYO),
        ("Tokyo Standard Time", TOKYO),
        (" asia/tokyo", TOKYO),
        ("Nowhere/Land", UTC),
        ("localtime", UTC),
        ("posixrules", UTC),
        ("right/Asia/Tokyo", UTC),
        ("", UTC),
    ],
)
def test_row_that_was_read_counts_in_place_of_the_last_one(others: Others, value: str, zone: tzinfo) -> None:
    others.zone("America/Lima")
    found = tables()
    assert found.zone() == ZoneInfo("America/Lima")
    others.zone(value)
    assert (found.zone(), found.is_zone_unknown) == (zone, False)


def test_links_warn_when_the_zone_is_unknown(others: Others) -> None:
    others.zone("Asia/Tokyo")
    others.azure.faults([{"host": TABLES_HOST, "path": "/Config", "times": 0, "mode": "refuse", "status": 403}])
    results = Api().get("ExecBackendURLs").results
    assert results["Timezone"] == "UTC"
    assert any(phrases.CONFIG_UNREADABLE in warning for warning in results["Warnings"])


UNKNOWN = [*("Nowhere/Land", "localtime", "Factory", "posix/Asia/Tokyo", "Tokyo Standard Tim", "UTC\u200b")]
KNOWN = [("W. Europe Standard Time", "Europe/Berlin"), ("asia/KOLKATA ", "Asia/Kolkata"), ("GMT", "GMT")]


@pytest.mark.parametrize("place", ["table", "setting"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_name_is_utc_with_a_warning_on_links_notes_and_rotation(
    others: Others, nowhere: pytest.MonkeyPatch, place: str, name: str
) -> None:
    _name_zone(others, nowhere, place, name)
    api = Api()
    links, keys = api.get("ExecBackendURLs").results, api.get("ListKeyRotations").results
    run = api.post("ExecKeyRotation", {"DryRun": True}).results
    where = "table Config" if place == "table" else f"CIPP_TIMEZONE {phrases.MUST_BE_A_ZONE}"
    for zone, warnings in (
        (links["Timezone"], links["Warnings"]),
        (keys["TimeZone"], keys["Notes"]),
        ("UTC", run["Warnings"]),
    ):
        assert zone == "UTC"
        assert [where in warning and phrases.UTC_IS_USED in warning for warning in warnings].count(True) == 1, warnings
        assert name not in " ".join(warnings)


@pytest.mark.parametrize("place", ["table", "setting"])
@pytest.mark.parametrize(("name", "zone"), KNOWN)
def test_zone_is_shown_by_its_iana_name_everywhere(
    others: Others, nowhere: pytest.MonkeyPatch, place: str, name: str, zone: str
) -> None:
    _name_zone(others, nowhere, place, name)
    api = Api()
    links, keys = api.get("ExecBackendURLs").results, api.get("ListKeyRotations").results
    assert (links["Timezone"], keys["TimeZone"]) == (zone, zone)
    texts = [*links["Warnings"], *keys["Notes"], *api.post("ExecKeyRotation", {"DryRun": True}).results["Warnings"]]
    assert not [text for text in texts if "zone" in text]
    assert tables().zone() == ZoneInfo(zone)


def test_zone_of_the_table_counts_when_the_setting_is_unknown(others: Others, nowhere: pytest.MonkeyPatch) -> None:
    others.zone("Tokyo Standard Time")
    nowhere.setenv("CIPP_TIMEZONE", "Nowhere/Land")
    api = Api()
    links = api.get("ExecBackendURLs").results
    assert links["Timezone"] == "Asia/Tokyo"
    assert any("CIPP_TIMEZONE" in warning for warning in links["Warnings"])  # it is wrong, if harmless now
    assert not any("zone" in note for note in api.get("ListKeyRotations").results["Notes"])


def _name_zone(others: Others, nowhere: pytest.MonkeyPatch, place: str, name: str) -> None:
    if place == "table":
        others.zone(name)
    else:
        nowhere.setenv("CIPP_TIMEZONE", name)
