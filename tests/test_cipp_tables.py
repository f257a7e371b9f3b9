"""CIPP's time zone while CIPP's table Config is missing, refused or times out."""

import logging
import os
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest

from backend.cipp_tables import CippTables
from backend.clients import Clients
from sandbox import names
from tests.admin import Admin
from tests.api import Api
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox

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
    assert "could not be read" in problem
    assert [record.message.count("could not be read") for record in caplog.records] == [1]


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


@pytest.mark.parametrize(("value", "zone"), [("Asia/Tokyo", TOKYO), ("Nowhere/Land", UTC), ("", UTC)])
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
    assert any("could not be read" in warning for warning in results["Warnings"])
