"""Entries that CIPP's Logbook can't take are in the log stream."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.cipp.logbook import Logbook
from backend.cipp.results import Line
from backend.errors import AzureUnreachableError
from tests.support import phrases

NOW = datetime(2026, 8, 2, tzinfo=UTC)
LINES = [Line(api="Backend", message=f"Message {number}.", severity="Info") for number in range(3)]


def test_every_entry_is_logged_if_the_table_is_unreachable(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise AzureUnreachableError("timeout")

    Logbook(cast("Any", SimpleNamespace(cipp_tables=fail)), "node").write(LINES, NOW, UTC)
    assert f"{len(LINES)} {phrases.ENTRIES_NOT_IN_LOGBOOK}: timeout" in caplog.text
    assert all(f"Backend (Info): {line.message}" in caplog.text for line in LINES)


def test_nothing_is_written_without_a_storage() -> None:
    Logbook(cast("Any", SimpleNamespace(cipp_tables=lambda: None)), "node").write(LINES, NOW, UTC)
