"""CIPP's processes as the sandbox shows them, and the rows of CIPP's tables."""

from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from sandbox import names
from tests.support.sandbox_client import Sandbox

NOON = "2026-12-02T12:00:00Z"  # a Wednesday
DAY = 86_400  # seconds
SHAPES = ["functions", "container"]


def processes(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the processes by site."""
    return {one["name"]: one for one in sandbox.state()["cipp"]}


def main(sandbox: Sandbox) -> dict[str, Any]:
    """Return the process of the main app or of the container."""
    return processes(sandbox)[names.MAIN_SITE]


def rows(sandbox: Sandbox, table: str) -> list[dict[str, Any]]:
    """Return all rows with their Timestamp. A missing table has none."""
    tables = TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"])
    try:
        return [
            {**row, "Timestamp": row.metadata["timestamp"]} for row in tables.get_table_client(table).list_entities()
        ]
    except ResourceNotFoundError:
        return []


def row(sandbox: Sandbox, table: str, key: str) -> dict[str, Any]:
    """Return the one row with this RowKey."""
    (found,) = (one for one in rows(sandbox, table) if one["RowKey"] == key)
    return found


def put(sandbox: Sandbox, table: str, partition: str, key: str, **columns: object) -> None:
    """Write a row, and create the table if it is missing."""
    tables = TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"])
    entity = {"PartitionKey": partition, "RowKey": key, **columns}
    tables.create_table_if_not_exists(table).upsert_entity(entity)
