"""How long a read of the tables of access that does not end is joined, and who waits for it."""

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.access.tables import AccessTables
from backend.errors import AzureUnreachableError

DEADLINE = 1.0


class Silent:
    """Clients whose storage never responds; it keeps how often it was called."""

    limits = SimpleNamespace(azure_deadline_seconds=DEADLINE)

    def __init__(self) -> None:
        self.reads = 0

    def tables(self) -> None:
        self.reads += 1
        time.sleep(10)


def test_read_under_way_is_joined_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.access.tables.LIFETIME_SECONDS", 0.1)
    clients = Silent()
    tables = AccessTables(cast("Any", clients))
    for _ in range(3):
        with pytest.raises(AzureUnreachableError):
            tables.read(0.15)
    assert clients.reads == 1
    time.sleep(DEADLINE)
    with pytest.raises(AzureUnreachableError):
        tables.read(0.15)
    assert clients.reads == 2


@pytest.mark.compares_times
def test_read_that_took_too_long_is_not_waited_for_again() -> None:
    tables = AccessTables(cast("Any", Silent()))
    with pytest.raises(AzureUnreachableError):
        tables.read(0.15)
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(AzureUnreachableError):
            tables.read(DEADLINE)
    assert time.monotonic() - began < DEADLINE / 2
