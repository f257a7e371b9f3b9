"""What people see of a roll back that this app does by itself: CIPP's Logbook, its alerts, and the log stream."""

from datetime import UTC, datetime
from typing import Final

from backend.cipp.log_entries import ALERTS_API, BACKEND_API
from backend.cipp.logbook import Logbook
from backend.cipp.results import Event, Line
from backend.cipp.tables import CippTables
from backend.operations.results import Operation, Outcome

_ENDPOINT: Final = "ExecBackendVersionSet"


class RollBackRecords:
    """The service of these records. Requires Storage Table Data Contributor on CIPP's storage account."""

    def __init__(self, logbook: Logbook, tables: CippTables) -> None:
        self._logbook = logbook
        self._tables = tables

    def write(self, operation: Operation, what: str, outcome: Outcome) -> None:
        """Record the begin or the end of a roll back, as Critical. It does not raise a `BackendError`."""
        text = f"{what} Operation {operation.id} on '{operation.target}', requested by {operation.by}."
        event = Event("VersionRollBack", outcome)
        data = {"Endpoint": _ENDPOINT, "Outcome": "done" if outcome == "undone" else outcome, "DryRun": False}
        lines = [
            Line(api=api, message=text, severity="Critical", user=operation.by, data=data, event=event)
            for api in (BACKEND_API, ALERTS_API)
        ]
        self._logbook.write(lines, datetime.now(UTC), self._tables.zone())
