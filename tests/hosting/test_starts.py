"""The stored starts of CIPP's container, without the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Final

from backend.azure.clients import Clients
from backend.hosting.container.starts import Starts

BEGAN: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
APP: Final = "cippabc12"


def test_withdrawal_removes_exactly_the_named_starts() -> None:
    starts = Starts(Clients({}))
    first, *rest = starts.reserve(APP, BEGAN, 3, force=False)
    later = [starts.begin(APP, BEGAN + timedelta(minutes=minutes), force=True) for minutes in (25, 29)]
    starts.withdraw(APP, *rest)
    assert starts.known(APP) == [first, *later]
