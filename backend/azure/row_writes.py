"""The rows of one table, each written by its ETag, so that no write of others is lost.

If the response to a write was lost, the SDK repeats it, and the storage then refuses, because the ETag has changed.
So a refusal by the ETag can also mean that the write took effect: read the row again.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from backend.azure.sdk_json import rows_as_sent
from backend.readings import Json

if TYPE_CHECKING:
    from azure.data.tables import TableClient


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

    def put(self, row: Mapping[str, Any]) -> None:
        """Write a row whatever it is now, and keep its other columns."""
        self._table.upsert_entity({**row})


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
