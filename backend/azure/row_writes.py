"""Writes of rows: over earlier ones, or each by its ETag, so that no write of others is lost.

If the response to a write by its ETag was lost, the SDK repeats it, and the storage then refuses, because the ETag has
changed. So a refusal by the ETag can also mean that the write took effect: read the row again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.azure.sdk_json import rows_as_sent
from backend.readings import Json

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableServiceClient

ROWS_PER_TRANSACTION: Final = 100  # limit of Table storage
_NOT_FOUND: Final = 404


def upsert(
    tables: "TableServiceClient",
    table: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    mode: str = "replace",
    **options: int,
) -> None:
    """Write rows of one partition over earlier ones, and create the table if it is missing.

    With the mode `merge`, columns that a row leaves out stay. `options` are the SDK's, for each call. Requires Storage
    Table Data Contributor. It raises what the SDK raises, which `while_trying_to` translates. Up to 100 rows are
    written all or not at all.
    """
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415 - imported when a table is written

    client = tables.get_table_client(table)
    try:
        _send(client, rows, mode, options)
    except HttpResponseError as error:  # a transaction raises its own error class for every status
        if error.status_code != _NOT_FOUND:
            raise
        tables.create_table_if_not_exists(table)
        _send(client, rows, mode, options)


def _send(client: "TableClient", rows: Sequence[Mapping[str, Any]], mode: str, options: Mapping[str, int]) -> None:
    """Send the rows. A single one is a plain call, which takes this app and the storage less time."""
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - imported when a table is written

    if len(rows) == 1:
        client.upsert_entity({**rows[0]}, mode=UpdateMode(mode), **options)
        return
    for first in range(0, len(rows), ROWS_PER_TRANSACTION):
        batch = rows[first : first + ROWS_PER_TRANSACTION]
        client.submit_transaction([("upsert", {**row}, {"mode": mode}) for row in batch], **options)


class RowChangedError(Exception):
    """The row was changed, created or removed since it was read. `is_missing`: it does not exist any more."""

    def __init__(self, *, is_missing: bool) -> None:
        super().__init__("The row was changed in the meantime.")
        self.is_missing = is_missing


class TableRows:
    """The rows of one table. Requires Storage Table Data Contributor.

    All methods raise what the SDK raises, which `while_trying_to` translates.
    """

    def __init__(self, table: "TableClient") -> None:
        self._table = table

    def as_sent(self) -> list[Json]:
        """Return all rows as the storage sends them, with their ETags in `odata.etag`."""
        return rows_as_sent(self._table.list_entities)

    def whole(self, partition: str, key: str) -> Json | None:
        """Return a row with values of the SDK's types, to write it unchanged, None if it does not exist."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported when a table is used

        try:
            return {**self._table.get_entity(partition, key)}
        except ResourceNotFoundError:
            return None

    def create(self, row: Mapping[str, Any]) -> None:
        """Create a row.

        Raises:
            RowChangedError: It exists.
        """
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 - imported when a table is used

        try:
            self._table.create_entity({**row})
        except ResourceExistsError as error:
            raise RowChangedError(is_missing=False) from error

    def merge(self, row: Mapping[str, Any], etag: str) -> None:
        """Set some columns of a row, and keep all others as the storage has them.

        Raises:
            RowChangedError: It was changed or removed since its ETag was read.
        """
        from azure.core import MatchConditions  # noqa: PLC0415 - imported when a table is used
        from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

        condition = MatchConditions.IfNotModified
        _by_etag(
            lambda: self._table.update_entity({**row}, mode=UpdateMode.MERGE, etag=etag, match_condition=condition)
        )

    def delete(self, partition: str, key: str, etag: str) -> None:
        """Delete a row, unless it is missing already.

        Raises:
            RowChangedError: It was changed since its ETag was read.
        """
        from azure.core import MatchConditions  # noqa: PLC0415 - imported when a table is used

        row, condition = {"PartitionKey": partition, "RowKey": key}, MatchConditions.IfNotModified
        _by_etag(lambda: self._table.delete_entity(row, etag=etag, match_condition=condition))


def _by_etag(write: Callable[[], object]) -> None:
    from azure.core.exceptions import (  # noqa: PLC0415 - imported when a table is used
        ResourceModifiedError,
        ResourceNotFoundError,
    )

    try:
        write()
    except ResourceModifiedError as error:
        raise RowChangedError(is_missing=False) from error
    except ResourceNotFoundError as error:
        raise RowChangedError(is_missing=True) from error
