"""This app's own tables, for tests that begin without what an earlier one stored."""

from typing import Final

from azure.data.tables import TableServiceClient

from tests.support.sandbox_client import Sandbox

OURS: Final = "CippBackend"  # so begin their names


def forget_starts(sandbox: Sandbox) -> None:
    """Remove what this app stored, such as its starts of CIPP: the sandbox's clock may have been later then."""
    with TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"]) as tables:
        for table in list(tables.list_tables()):
            if table.name.startswith(OURS):
                tables.delete_table(table.name)
