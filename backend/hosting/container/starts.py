"""The starts of CIPP's container by this app, in a table for all instances, and the limit of their number.

CIPP's host stays down if it starts more than three times within 30 minutes without becoming ready. So this app starts
it at most twice in that time without Force. A start is stored before it is requested, and is withdrawn only if Azure
certainly refused it.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.errors import BackendError, ConflictError
from backend.hosting.own_restarts import TABLE
from backend.readings import text_of, time_or_none

if TYPE_CHECKING:
    from azure.data.tables import TableClient

logger = logging.getLogger("cipp.restarts")
PARTITION: Final = "starts"
MOST: Final = 2
WINDOW: Final = timedelta(minutes=30)
_TRIES: Final = 5
_ADVICE: Final = "To start CIPP without this check, repeat with Force: true."


@dataclass(frozen=True)
class StoredStart:
    """One start that is about to be requested. Its `id` is unique."""

    moment: datetime
    id: str

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}/{self.id}"


class Starts:
    """The service of the stored starts. Without a storage account, only those of this process count."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._here: list[StoredStart] = []

    def refusal(self, app: str, now: datetime) -> ConflictError | None:
        """Return the error for one more start now, None if it is within the limit.

        Raises:
            BackendError: The table can't be read.
        """
        return _refusal(app, self._stored(app), now)

    def begin(self, app: str, now: datetime, *, force: bool) -> StoredStart:
        """Store that the app is about to be started. With `force`, the limit and a failed table don't matter.

        Raises:
            ConflictError: It was started too often. Nothing was stored.
            BackendError: The table couldn't be read or written.
        """
        start = StoredStart(now, uuid4().hex[:8])
        try:
            self._change(app, start, now, limited=not force)
        except BackendError as error:
            if not force:
                if isinstance(error, ConflictError):
                    raise
                error.advice = f"{error.advice} {_ADVICE}".strip()
                raise
            logger.warning("Failed to store a start: %s", error)
        return start

    def withdraw(self, app: str, start: StoredStart) -> None:
        """Remove a start that Azure certainly refused. If the table can't be written, it counts."""
        try:
            self._change(app, start, start.moment, removes=True)
        except BackendError as error:
            logger.warning("Failed to withdraw a start: %s", error)

    def _stored(self, app: str) -> list[StoredStart]:
        tables = self._clients.tables()
        if tables is None:
            return list(self._here)
        with while_trying_to(f"read the starts of '{app}'"):
            return _read(tables.get_table_client(TABLE), app)[0]

    def _change(
        self, app: str, start: StoredStart, now: datetime, *, limited: bool = False, removes: bool = False
    ) -> None:
        tables = self._clients.tables()
        if tables is None:
            with self._lock:
                if limited:
                    _check(app, self._here, now)
                self._here = _changed(self._here, start, now, removes=removes)
            return
        with while_trying_to(f"store a start of '{app}'"):
            for _ in range(_TRIES):
                table = tables.get_table_client(TABLE)
                before, etag = _read(table, app)
                if start in before and not removes:  # stored, but the response was lost
                    return
                if limited:
                    _check(app, before, now)
                if _write(table, app, _changed(before, start, now, removes=removes), etag):
                    return
        raise ConflictError(f"Couldn't store a start of '{app}': other starts are stored now.", advice="Try again.")


def _changed(before: list[StoredStart], start: StoredStart, now: datetime, *, removes: bool) -> list[StoredStart]:
    """Return the starts with one more or without it, and without old ones. Pure."""
    kept = [other for other in before if other != start and _counts(other, now)]
    return kept if removes else [*kept, start]


def _check(app: str, stored: list[StoredStart], now: datetime) -> None:
    if refusal := _refusal(app, stored, now):
        raise refusal


def _refusal(app: str, stored: list[StoredStart], now: datetime) -> ConflictError | None:
    recent = sorted(start.moment for start in stored if _counts(start, now))
    if len(recent) < MOST:
        return None
    until = recent[-MOST] + WINDOW
    return ConflictError(
        f"Couldn't start '{app}': this app started it {len(recent)} times in the last 30 minutes. If CIPP starts more "
        "often without becoming ready, it stays down.",
        advice=f"Wait until {until:%H:%M} UTC, or repeat with Force: true.",
    )


def _counts(start: StoredStart, now: datetime) -> bool:
    """Return whether a start is less than the window away. A time in the future counts: another clock may be ahead."""
    return now - WINDOW < start.moment < now + WINDOW


def _read(table: "TableClient", app: str) -> tuple[list[StoredStart], str]:
    """Return the stored starts and the row's ETag, [] and "" without a row. Unreadable entries are left out."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported when a table is read

    try:
        row = table.get_entity(PARTITION, app.lower())
    except ResourceNotFoundError:
        return [], ""
    parts = [entry.partition("/") for entry in text_of(row.get("Starts")).split(",")]
    starts = [StoredStart(moment, name) for text, _, name in parts if (moment := time_or_none(text))]
    return starts, text_of(row.metadata.get("etag"))


def _write(table: "TableClient", app: str, starts: list[StoredStart], etag: str) -> bool:
    """Write the row, and return False if it was changed in the meantime. Create the table if it does not exist."""
    from azure.core import MatchConditions  # noqa: PLC0415 - imported when a table is written
    from azure.core.exceptions import (  # noqa: PLC0415 - the same
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
    )
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

    row: dict[str, Any] = {"PartitionKey": PARTITION, "RowKey": app.lower(), "Starts": ",".join(map(str, starts))}
    try:
        if etag:
            condition = MatchConditions.IfNotModified
            table.update_entity(row, mode=UpdateMode.REPLACE, etag=etag, match_condition=condition)
            return True
        try:
            table.create_entity(row)
        except ResourceNotFoundError:
            table.create_table()
            table.create_entity(row)
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        return False
    return True
