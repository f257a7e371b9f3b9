"""CIPP's three tables in the sandbox: created at the start, and again after each reset."""

from azure.data.tables import TableServiceClient

from sandbox import names
from sandbox.tables.cipps_tables import TABLES
from tests.support.sandbox_client import Sandbox


def tables_of(sandbox: Sandbox) -> TableServiceClient:
    return TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"])


def test_cipps_tables_exist_at_the_start(sandbox: Sandbox) -> None:
    assert set(TABLES) <= {table.name for table in tables_of(sandbox).list_tables()}


def test_reset_creates_missing_tables_with_their_rows(sandbox: Sandbox) -> None:
    tables = tables_of(sandbox)
    for name in TABLES:
        tables.delete_table(name)
    state = sandbox.reset(direct_tenants=2)
    assert set(TABLES) <= {table.name for table in tables.list_tables()}
    rows = tables.get_table_client("Version").list_entities()
    assert {row["RowKey"] for row in rows} == {names.MAIN_SITE, names.OFFLOAD_SITE}
    known = {row["customerId"] for row in tables.get_table_client("Tenants").list_entities()}
    assert known == {name for name in state["vaults"][names.VAULT]["secrets"] if name.count("-") == 4}
    sandbox.reset(direct_tenants=130)
    assert len(list(tables.get_table_client("Tenants").list_entities())) == 130


def test_reset_keeps_other_rows_and_tables(sandbox: Sandbox) -> None:
    tables = tables_of(sandbox)
    row = {"PartitionKey": "TimeSettings", "RowKey": "Kept", "Timezone": "UTC"}
    tables.get_table_client("Config").upsert_entity(row)
    tables.create_table_if_not_exists("Kept")
    sandbox.reset()
    assert tables.get_table_client("Config").get_entity("TimeSettings", "Kept")["Timezone"] == "UTC"
    assert "Kept" in {table.name for table in tables.list_tables()}
    tables.get_table_client("Config").delete_entity(row)
    tables.delete_table("Kept")
