"""The starts of CIPP's container by this app, in a table for all instances, and the limit of their number.

CIPP's host stays down if it starts more than three times within 30 minutes without becoming ready. So this app starts
it at most twice in that time without Force. A change of the version reserves all three. A start is stored before it is
requested, and is withdrawn only if Azure certainly refused it.
"""

import logging
import threading
from collections.abc import Sequence
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
MOST_RESERVED: Final = 3  # by the host's own limit
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
            self._change(app, [start], now, most=None if force else MOST)
        except BackendError as error:
            if not force:
                if isinstance(error, ConflictError):
                    raise
                error.advice = f"{error.advice} {_ADVICE}".strip()
                raise
            logger.warning("Failed to store a start: %s", error)
        return start

    def known(self, app: str) -> list[StoredStart]:
        """Return the stored starts and reservations, at least those of the last 30 minutes. Raises as `refusal`."""
        return self._stored(app)

    def refusal_of_reservation(
        self, app: str, now: datetime, count: int, without: Sequence[StoredStart] = ()
    ) -> ConflictError | None:
        """Return the error for that many starts from now on, None if they fit. Raises as `refusal`.

        `without` are reservations that are about to be withdrawn.
        """
        stored = [start for start in self._stored(app) if start not in without]
        return _refusal(app, stored, now, count, MOST_RESERVED)

    def reserve(self, app: str, now: datetime, count: int, *, force: bool) -> list[StoredStart]:
        """Store that the app is about to be started up to that many times. With `force`, the limit doesn't matter.

        Raises:
            ConflictError: They don't fit into the limit of CIPP's host. Nothing was stored.
            BackendError: The table couldn't be read or written.
        """
        reserved = [StoredStart(now, uuid4().hex[:8]) for _ in range(count)]
        self._change(app, reserved, now, most=None if force else MOST_RESERVED)
        return reserved

    def withdraw(self, app: str, *starts: StoredStart) -> None:
        """Remove starts that Azure certainly refused, or that were reserved. If that fails, they count."""
        if not starts:
            return
        try:
            self._change(app, starts, starts[0].moment, removes=True)
        except BackendError as error:
            logger.warning("Failed to withdraw a start: %s", error)

    def _stored(self, app: str) -> list[StoredStart]:
        tables = self._clients.tables()
        if tables is None:
            return list(self._here)
        with while_trying_to(f"read the starts of '{app}'"):
            return _read(tables.get_table_client(TABLE), app)[0]

    def _change(
        self,
        app: str,
        starts: Sequence[StoredStart],
        now: datetime,
        *,
        most: int | None = None,
        removes: bool = False,
    ) -> None:
        tables = self._clients.tables()
        if tables is None:
            with self._lock:
                if most is not None:
                    _check(app, self._here, now, len(starts), most)
                self._here = _changed(self._here, starts, now, removes=removes)
            return
        with while_trying_to(f"store a start of '{app}'"):
            for _ in range(_TRIES):
                table = tables.get_table_client(TABLE)
                before, etag = _read(table, app)
                if starts[0] in before and not removes:  # stored, but the response was lost
                    return
                if removes and not any(start in before for start in starts):
                    return
                if most is not None:
                    _check(app, before, now, len(starts), most)
                if _write(table, app, _changed(before, starts, now, removes=removes), etag):
                    return
        raise ConflictError(f"Couldn't store a start of '{app}': other starts are stored now.", advice="Try again.")


def _changed(
    before: list[StoredStart], starts: Sequence[StoredStart], now: datetime, *, removes: bool
) -> list[StoredStart]:
    """Return the starts with more, and without old ones, or exactly without these. Pure."""
    if removes:
        return [other for other in before if other not in starts]
    return [*(other for other in before if other not in starts and _counts(other, now)), *starts]


def _check(app: str, stored: list[StoredStart], now: datetime, count: int, most: int) -> None:
    if refusal := _refusal(app, stored, now, count, most):
        raise refusal


def _refusal(
    app: str, stored: list[StoredStart], now: datetime, count: int = 1, most: int = MOST
) -> ConflictError | None:
    recent = sorted(start.moment for start in stored if _counts(start, now))
    too_many = len(recent) + count - most
    if too_many <= 0:
        return None
    until = recent[min(too_many, len(recent)) - 1] + WINDOW
    if count > 1:
        return ConflictError(
            f"Couldn't change the version of '{app}': it may need {count} starts, and this app requested or reserved "
            f"{len(recent)} in the last 30 minutes. If CIPP starts more often than {most} times without becoming "
            "ready, it stays down.",
            advice=f"Wait until {until:%H:%M} UTC, or repeat with Force: true.",
        )
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
