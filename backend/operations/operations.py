"""The rows of the operations, in a table of this app, because HTTP and timers run on separate instances.

A row is written before the operation's first request to Azure. A change needs the revision that was read. So if two
processes complete the same operation, one of them changes the row, and the other one changes nothing.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.concurrency.writes import WRITES
from backend.errors import BackendError, NotConfiguredError, NotFoundError
from backend.operations.results import RUNNING, Operation, Outcome, Progress, StoredOperation
from backend.readings import Json, text_of, texts_by_name, texts_of, time_or_none

if TYPE_CHECKING:
    from azure.data.tables import TableClient

logger = logging.getLogger("cipp.operations")
TABLE: Final = "CippBackendOperations"
PARTITION: Final = "operation"
KEPT: Final = timedelta(days=90)  # from the start
MOST: Final = 50  # operations of a list
LONGEST: Final = 30_000  # characters of a text property (Table storage: 32 Ki)
_END_OF_TIME: Final = 9_999_999_999  # so that the newest operation sorts first
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "running": "running",
    "done": "done",
    "failed": "failed",
    "undone": "undone",
    "unknown": "unknown",
}


class Operations:
    """The service of the rows. Requires Storage Table Data Contributor on this app's storage account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def begin(  # noqa: PLR0913 - the parts of an operation
        self,
        kind: str,
        target: str,
        *,
        before: str,
        by: str,
        lasts: timedelta,
        step: str,
        next_steps: Sequence[str] = (),
        facts: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> StoredOperation:
        """Store an operation that is about to begin. Call it before the first write to Azure.

        `by` is the caller's name, "" for this app. `lasts` is how long it should take at most. `facts` are for the
        completer of its kind, without a secret.

        Raises:
            NotConfiguredError: A storage account is not configured.
            AzureError: The table refused or timed out. The operation must not begin.
        """
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        operation = Operation(
            id=uuid4().hex[:12],
            kind=kind,
            target=target,
            before=before,
            began=now,
            deadline=now + lasts,
            by=by or "CIPP Backend",
            step=step,
            next=[*next_steps],
        )
        stored = StoredOperation(operation, dict(facts or {}), uuid4().hex)
        table = self._table()
        with while_trying_to(f"store the operation on '{target}'"):
            try:
                _create(table, stored)
            except Exception:
                with suppress(Exception):  # it may be stored, although the response was lost
                    table.delete_entity(PARTITION, _key_of(operation), retry_total=0)
                raise
        return stored

    def all(self, most: int = MOST) -> list[StoredOperation]:
        """Return the operations, the newest first.

        Raises:
            AzureError: The table refused or timed out.
        """
        return self._query("PartitionKey eq @partition", {}, most)

    def open(self) -> list[StoredOperation]:
        """Return the operations that are running, the newest first. Raises as `all`."""
        return self._query("PartitionKey eq @partition and Outcome eq @outcome", {"outcome": RUNNING})

    def one(self, operation_id: str) -> StoredOperation | None:
        """Return the operation with that ID, None if it does not exist. Raises as `all`."""
        return next(iter(self._query("PartitionKey eq @partition and Id eq @id", {"id": operation_id})), None)

    def change(self, stored: StoredOperation, progress: Progress) -> StoredOperation | None:
        """Store what a look found. Return the new operation, None if another process has changed it in the meantime.

        An operation that has ended never changes. To do something only once, store the step before, and do it only if
        the result is not None.

        Raises:
            AzureError: The table refused or timed out. The next look finds the same again.
        """
        if not stored.operation.is_running:
            return None
        changed = _with(stored, progress, progress.at or datetime.now(UTC))
        with while_trying_to(f"store the state of operation {stored.operation.id}"):
            if not _replace(self._table(), stored, changed):
                return None
        if not changed.operation.is_running:
            WRITES.note()  # it may have changed Azure after its response
            logger.info("Operation %s ended: %s.", changed.operation.id, changed.operation.outcome)
        return changed

    def forget_old(self, now: datetime | None = None) -> None:
        """Delete the operations that began more than `KEPT` ago and have ended. A failure is logged."""
        oldest = _age_of((now or datetime.now(UTC)) - KEPT)
        query = "PartitionKey eq @partition and RowKey gt @oldest and Outcome ne @outcome"
        try:
            with while_trying_to("delete old operations"):
                for stored in self._query(query, {"oldest": oldest, "outcome": RUNNING}):
                    self._table().delete_entity(PARTITION, _key_of(stored.operation))
        except BackendError as error:
            logger.info("Old operations not deleted: %s", error)

    def _query(self, query: str, parameters: Mapping[str, str], most: int | None = None) -> list[StoredOperation]:
        tables = self._clients.tables()
        if tables is None:
            return []
        try:
            with while_trying_to("read the operations of this app"):
                found = rows(
                    tables.get_table_client(TABLE).query_entities,
                    query,
                    most=most,
                    parameters={"partition": PARTITION, **parameters},
                    results_per_page=most,
                )
        except NotFoundError:  # no operation was ever stored
            return []
        return [stored for row in found if (stored := _stored(row))]

    def _table(self) -> "TableClient":
        tables = self._clients.tables()
        if tables is None:
            raise NotConfiguredError(
                "Couldn't store the operation: a storage account is not configured.",
                advice="Set AzureWebJobsStorage of this app.",
            )
        return tables.get_table_client(TABLE)


def _with(stored: StoredOperation, progress: Progress, now: datetime) -> StoredOperation:
    """Return an operation after a look, with a new revision. Pure but for the revision."""
    before, ended = stored.operation, progress.outcome != RUNNING
    kept = [] if ended else before.next
    operation = msgspec.structs.replace(
        before,
        outcome=progress.outcome,
        step=before.step if progress.step is None else progress.step,
        next=kept if progress.next is None else [*progress.next],
        result=before.result if progress.result is None else progress.result,
        ended=now.replace(microsecond=0) if ended else None,
    )
    facts = stored.facts if progress.facts is None else progress.facts
    return StoredOperation(operation, facts, uuid4().hex)


def _age_of(began: datetime) -> str:
    return f"{_END_OF_TIME - int(began.timestamp()):010d}"


def _key_of(operation: Operation) -> str:
    return f"{_age_of(operation.began)}-{operation.id}"


def _create(table: "TableClient", stored: StoredOperation) -> None:
    """Create the row, and the table if it does not exist."""
    from azure.core.exceptions import (  # noqa: PLC0415 - imported when a table is written
        ResourceExistsError,
        ResourceNotFoundError,
    )

    row = _row_of(stored)
    with suppress(ResourceExistsError):  # its key is unique: the response was lost, and the SDK sent it again
        try:
            table.create_entity(row)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                table.create_table()
            table.create_entity(row)


def _replace(table: "TableClient", before: StoredOperation, after: StoredOperation) -> bool:
    """Replace the row if it still has the revision of `before`. Return whether this call did it."""
    from azure.core import MatchConditions  # noqa: PLC0415 - imported when a table is written
    from azure.core.exceptions import (  # noqa: PLC0415 - the same
        ResourceModifiedError,
        ResourceNotFoundError,
    )
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

    key = _key_of(before.operation)
    try:
        seen = table.get_entity(PARTITION, key)
        if text_of(seen.get("Revision")) != before.revision:
            return False
        etag, condition = text_of(seen.metadata.get("etag")), MatchConditions.IfNotModified
        try:
            table.update_entity(_row_of(after), mode=UpdateMode.REPLACE, etag=etag, match_condition=condition)
        except ResourceModifiedError:  # by another process, or by this call, if a response was lost
            return text_of(table.get_entity(PARTITION, key).get("Revision")) == after.revision
    except ResourceNotFoundError:
        return False
    return True


def _row_of(stored: StoredOperation) -> dict[str, Any]:
    operation = stored.operation
    row: dict[str, Any] = {
        "PartitionKey": PARTITION,
        "RowKey": _key_of(operation),
        "Id": operation.id,
        "Kind": operation.kind,
        "Target": operation.target,
        "Before": operation.before[:LONGEST],
        "Began": operation.began,
        "Deadline": operation.deadline,
        "By": operation.by,
        "Step": operation.step[:LONGEST],
        "Next": json.dumps(operation.next)[:LONGEST],
        "Outcome": operation.outcome,
        "Result": operation.result[:LONGEST],
        "Facts": json.dumps(dict(stored.facts)),
        "Revision": stored.revision,
    }
    return row | ({"Ended": operation.ended} if operation.ended else {})


def _stored(row: Json) -> StoredOperation | None:
    """Return the operation of a row, None if the row can't be read. Pure."""
    began, deadline = time_or_none(row.get("Began")), time_or_none(row.get("Deadline"))
    outcome = _OUTCOMES.get(text_of(row.get("Outcome")))
    if not began or not deadline or not outcome or not text_of(row.get("Id")):
        logger.warning("Row of an operation skipped: it lacks a required value.")
        return None
    operation = Operation(
        id=text_of(row.get("Id")),
        kind=text_of(row.get("Kind")),
        target=text_of(row.get("Target")),
        before=text_of(row.get("Before")),
        began=began,
        deadline=deadline,
        by=text_of(row.get("By")),
        step=text_of(row.get("Step")),
        next=texts_of(_json_of(row.get("Next"))),
        outcome=outcome,
        result=text_of(row.get("Result")),
        ended=time_or_none(row.get("Ended")),
    )
    return StoredOperation(operation, texts_by_name(_json_of(row.get("Facts"))), text_of(row.get("Revision")))


def _json_of(value: object) -> object:
    """Return the JSON in a property, None if it is not JSON."""
    try:
        return json.loads(text_of(value))
    except ValueError:
        return None
