"""Rows that are written over earlier ones: by how few calls, into a missing table, and after a lost response."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableServiceClient

from backend.azure.clients import Clients
from backend.azure.row_writes import upsert
from tests.support.sandbox_client import Sandbox

TABLE = "RowWrites"


@pytest.fixture
def tables(azure: Sandbox) -> Iterator[TableServiceClient]:
    """The tables as the app calls them, without the tests' own table."""
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as service:
        service.delete_table(TABLE)
    made = Clients(os.environ).tables()
    assert made is not None
    yield made
    made.delete_table(TABLE)


def rows(count: int, **columns: object) -> list[dict[str, Any]]:
    return [{"PartitionKey": "one", "RowKey": f"{number:03d}", **columns} for number in range(count)]


def written(tables: TableServiceClient) -> dict[str, dict[str, Any]]:
    """Return what the table has, by row key."""
    return {row["RowKey"]: dict(row) for row in tables.get_table_client(TABLE).list_entities()}


def calls(azure: Sandbox) -> list[tuple[str, bool]]:
    """Return the method of each write, and whether it is a transaction."""
    found = [call for call in azure.calls(tables=True) if call["method"] != "GET"]
    ours = [call for call in found if TABLE in f"{call['path']} {call['request_body']}"]
    return [(call["method"], call["path"].endswith("$batch")) for call in ours]


def test_single_row_is_one_plain_call(azure: Sandbox, tables: TableServiceClient) -> None:
    tables.create_table(TABLE)
    before = len(calls(azure))
    upsert(tables, TABLE, rows(1, text="new"))
    assert calls(azure)[before:] == [("PUT", False)]
    assert written(tables)["000"]["text"] == "new"


def test_several_rows_are_one_transaction(azure: Sandbox, tables: TableServiceClient) -> None:
    tables.create_table(TABLE)
    before = len(calls(azure))
    upsert(tables, TABLE, rows(100))
    assert calls(azure)[before:] == [("POST", True)]
    assert len(written(tables)) == 100


def test_more_rows_than_a_transaction_has_are_all_written(tables: TableServiceClient) -> None:
    upsert(tables, TABLE, rows(201))
    assert len(written(tables)) == 201


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.every_case("a transaction raises another error")
def test_missing_table_is_created(tables: TableServiceClient, count: int) -> None:
    upsert(tables, TABLE, rows(count))
    assert len(written(tables)) == count


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("mode", "left"), [("merge", "old"), ("replace", None)])
@pytest.mark.every_case("each mode, as a plain call and as a transaction")
def test_only_a_merge_keeps_other_columns(tables: TableServiceClient, mode: str, left: str | None, count: int) -> None:
    upsert(tables, TABLE, rows(count, other="old", text="old"))
    upsert(tables, TABLE, rows(count, text="new"), mode=mode)
    assert [(row["text"], row.get("other")) for row in written(tables).values()] == [("new", left)] * count


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.every_case("a transaction raises another error")
def test_refusal_creates_no_table(azure: Sandbox, tables: TableServiceClient, count: int) -> None:
    azure.faults([{"host": "127.0.0.1", "path": r"\$batch|/RowWrites", "mode": "refuse", "status": 403}])
    with pytest.raises(HttpResponseError) as refused:
        upsert(tables, TABLE, rows(count))
    assert refused.value.status_code == 403
    azure.faults([])
    assert TABLE not in {table.name for table in tables.list_tables()}


def test_lost_response_of_a_single_row_is_not_an_error(azure: Sandbox, tables: TableServiceClient) -> None:
    tables.create_table(TABLE)
    azure.faults([{"host": "127.0.0.1", "path": "/RowWrites", "method": "PUT", "mode": "drop-after", "times": 1}])
    upsert(tables, TABLE, rows(1, text="new"))
    assert [row["text"] for row in written(tables).values()] == ["new"]
