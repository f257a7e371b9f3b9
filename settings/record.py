"""The record: every act leaves a line in CIPP's Logbook, dry run or not, and never a value."""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from backend import at_once
from backend.backend import Backend
from backend.errors import BackendError
from backend.logbook import Line
from settings.access import Caller

logger = logging.getLogger("cipp.record")
API: Final = "Backend"
WAIT_SECONDS: Final = 2.0


def record(backend: Backend, endpoint: str, caller: Caller | None, outcome: Any) -> None:  # noqa: ANN401 - any result type
    """Write who did what, and what came of it; the answer does not wait long for it."""
    if isinstance(outcome, BackendError):
        said, severity = str(outcome), "Error"
    else:
        said = " ".join([*getattr(outcome, "would_do", []), *getattr(outcome, "done", [])]) or "Done."
        severity = "Info"
    dry = " (dry run)" if getattr(outcome, "dry_run", False) else ""
    line = Line(
        api=API,
        message=f"{endpoint}{dry}: {said}",
        severity="Error" if severity == "Error" else "Info",
        user=(caller.user_details if caller else "") or "CIPP",
        data={"Endpoint": endpoint, "Role": caller.role.name if caller and caller.role else None},
    )

    def write() -> None:
        backend.logbook.write([line], datetime.now(UTC), backend.tables.zone())

    try:
        at_once.start(write, name="record").result(WAIT_SECONDS)
    except TimeoutError:
        logger.warning("CIPP's Logbook is slow; the line of %s comes later or not at all", endpoint)
    except BackendError as error:
        logger.warning("%s is not in CIPP's Logbook: %s", endpoint, error)
