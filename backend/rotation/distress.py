"""What CIPP's Logbook is told where a run by the clock failed before it touched a key: nobody reads its answer."""

from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Final

from backend.errors import BackendError
from backend.logbook import Line, Logbook
from backend.rotation.journal import Journal, KeyMemory
from backend.rotation.telling import ALERTS, API, ONE_DAY

NAME: Final = "the rotation"  # no secret of a vault can have it


def tell_of_failure(  # noqa: PLR0913 - who told what, when and where
    journal: Journal, logbook: Logbook, *, by: str, error: BackendError, now: datetime, zone: tzinfo
) -> None:
    """Write a line and an alert, at most once a day."""
    memory = journal.keys().get(NAME, KeyMemory(NAME))
    if memory.alerted is not None and now - memory.alerted < ONE_DAY:
        return
    message = f"The key rotation by {by} failed before it touched a key. {error} {error.advice or ''}".rstrip()
    logbook.write([Line(api=api, message=message, severity="Critical") for api in (API, ALERTS)], now, zone)
    journal.remember([replace(memory, alerted=now)])
