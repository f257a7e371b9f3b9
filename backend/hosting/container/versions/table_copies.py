"""Copies of CIPP's small tables before a change of the version, in tables of the same storage account.

A copy has a table for each of CIPP's tables, with the same rows and types, and an empty one that marks it as complete.
Its rows can contain what only CIPP's admins may see, so no response and no log shows them.
docs/runbooks/restore-tables.md describes the way back.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import upsert
from backend.errors import BackendError, ConflictError, NotConfiguredError

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.versions")
COPIED: Final = ("Config", "allowedUsers", "CustomRoles", "AccessRoleGroups", "ApiClients", "FeatureFlags")
PREFIX: Final = "CippBackendCopy"
COMPLETE: Final = "Complete"  # the end of the name of an empty table, which is made last
KEPT: Final = 3  # complete copies
YOUNG: Final = timedelta(days=30)
MOST_ROWS: Final = 20_000  # of one table
_NAME: Final = "%Y%m%dT%H%M%S"
_LONG_NAME: Final = "20261130T214000"


class TableCopies:
    """The service of the copies. Requires Storage Table Data Contributor on this app's storage account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def make(self, now: datetime) -> str:
        """Copy the tables, and return the name of the copy. A table that CIPP does not have is left out.

        Raises:
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            ConflictError: A table is too large.
            AzureError: A table refused or timed out. The partial copy is deleted a month later.
        """
        source, target = self._clients.cipp_tables(), self._clients.tables()
        if source is None or target is None:
            raise NotConfiguredError(
                "Couldn't copy CIPP's tables: a storage account is not configured.",
                advice="Set CIPP_STORAGE to CIPP's storage account.",
            )
        name = now.strftime(_NAME)
        for table in COPIED:
            with while_trying_to(f"copy CIPP's table {table}"):
                _copy(source, target, table, f"{PREFIX}{name}{table}")
        with while_trying_to("complete the copy of CIPP's tables"):
            target.create_table_if_not_exists(f"{PREFIX}{name}{COMPLETE}")
        self._forget_old(target, now)
        return name

    def _forget_old(self, target: "TableServiceClient", now: datetime) -> None:
        """Delete the copies that are not kept. A failure is logged."""
        try:
            with while_trying_to("delete old copies of CIPP's tables"):
                query = f"TableName ge '{PREFIX}' and TableName lt '{PREFIX}A'"
                tables = [table.name for table in target.query_tables(query)]
                for table in old_copies(tables, now):
                    target.delete_table(table)
        except BackendError as error:
            logger.info("Old copies of tables not deleted: %s", error)


def old_copies(tables: Sequence[str], now: datetime) -> list[str]:
    """Return the tables of the copies that are not kept. Pure.

    Kept are the newest `KEPT` complete copies, and all copies that are younger than `YOUNG`. So changes that failed in
    the middle of a copy never replace a complete one.
    """
    length = len(PREFIX) + len(_LONG_NAME)
    complete = sorted({table[:length] for table in tables if table[length:] == COMPLETE}, reverse=True)
    youngest = f"{PREFIX}{(now - YOUNG).strftime(_NAME)}"
    return [table for table in tables if table[:length] not in complete[:KEPT] and table[:length] < youngest]


def _copy(source: "TableServiceClient", target: "TableServiceClient", table: str, name: str) -> None:
    """Copy all rows with their types. The SDK keeps the types of the values that it returns."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported when a table is written

    try:
        found = _rows(source, table)
    except ResourceNotFoundError:
        return
    target.create_table_if_not_exists(name)  # an empty table has a copy, too
    for _, of_partition in groupby(found, key=lambda row: row["PartitionKey"]):
        upsert(target, name, list(of_partition))


def _rows(source: "TableServiceClient", table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in source.get_table_client(table).list_entities():
        found.append(dict(row))
        if len(found) > MOST_ROWS:
            raise ConflictError(f"Couldn't copy CIPP's table {table}: it has more than {MOST_ROWS:,} rows.")
    return sorted(found, key=lambda row: str(row["PartitionKey"]))
