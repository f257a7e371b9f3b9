"""The record: every act leaves a line in CIPP's Logbook, dry run or not, and never a value."""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from backend import at_once
from backend.act import Act
from backend.backend import Backend
from backend.errors import BackendError, NotConfiguredError
from backend.function_apps import Control
from backend.logbook import Line
from backend.rotation.report import Rotation
from settings.access import Caller
from settings.body import Body

logger = logging.getLogger("cipp.record")
API: Final = "Backend"
WAIT_SECONDS: Final = 2.0
LONGEST: Final = 4_000  # letters; a row's text may have 32,000


def said_of(outcome: object) -> str:  # noqa: PLR0911 - one return a kind of outcome
    """Say what came of an act, without a value. Pure."""
    match outcome:
        case BackendError():
            return str(outcome)
        case Exception():
            return f"This app made a mistake ({type(outcome).__name__}); what was asked may have happened."
        case Act():
            return " ".join([*outcome.would_do, *outcome.done])
        case Control():
            return " ".join(outcome.would_do or [app.seen for app in outcome.apps])
        case Rotation():
            return " ".join(outcome.would_do) or _counted(key.outcome for key in outcome.keys)
        case list():
            return _counted(getattr(found, "outcome", "done") for found in outcome)
        case _:
            return "Done."


def _counted(outcomes: Iterable[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(Counter(outcomes).items())) or "Nothing to do."


def record(backend: Backend, endpoint: str, caller: Caller | None, body: Body, outcome: object) -> None:
    """Write who did what, and what came of it; the answer does not wait long for it."""
    dry = " (dry run)" if getattr(body, "dry_run", False) else ""
    line = Line(
        api=API,
        message=f"{endpoint}{dry}: {said_of(outcome)[:LONGEST]}",
        severity="Error" if isinstance(outcome, Exception) else "Info",
        user=(caller.user_details if caller else "") or "CIPP",
        data={"Endpoint": endpoint, "Role": caller.role.name if caller and caller.role else None},
    )

    # Where the table cannot be written, this line is the record.
    logger.info("%s", " ".join(f"{line.user} called {line.message}".split()))

    def write() -> None:
        if backend.clients.tables() is None:
            raise NotConfiguredError("no storage is configured, set CIPP_STORAGE to the one of CIPP.")
        backend.logbook.write([line], datetime.now(UTC), backend.tables.zone())

    try:
        at_once.start(write, name="record").result(WAIT_SECONDS)
    except TimeoutError:
        logger.warning("CIPP's Logbook is slow; the line of %s comes later or not at all", endpoint)
    except BackendError as error:
        logger.warning("%s is not in CIPP's Logbook: %s", endpoint, error)
