"""One table of this app's own, in the storage account that its settings name. The first write creates it.

Without a storage account, nothing is stored, and nothing is found. Requires Storage Table Data Contributor on the
account.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import upsert
from backend.azure.sdk_json import rows
from backend.errors import NotFoundError
from backend.readings import Json

if TYPE_CHECKING:
    from backend.azure.clients import Clients


class OwnTable:
    """The rows of one table. `action` completes "Couldn't ...". All methods raise a `BackendError` if they fail."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    def rows(self, partition: str, action: str) -> list[Json]:
        """Return the rows of a partition, [] if the table does not exist."""
        tables = self._clients.tables()
        if tables is None:
            return []
        try:
            with while_trying_to(action):
                return rows(tables.get_table_client(self._name).query_entities, f"PartitionKey eq '{partition}'")
        except NotFoundError:
            return []

    def put(self, row: Mapping[str, Any], action: str, *, keeps_others: bool = False, once: bool = False) -> None:
        """Store a row in place of an earlier one. `keeps_others`: the earlier one's other columns stay.

        `once`: a write without a response is not repeated.
        """
        tables = self._clients.tables()
        if tables is None:
            return
        options = {"retry_total": 0} if once else {}
        with while_trying_to(action):
            upsert(tables, self._name, [row], mode="merge" if keeps_others else "replace", **options)

    def remove(self, partition: str, key: str, action: str) -> None:
        """Remove a row. A missing one is not an error."""
        tables = self._clients.tables()
        if tables is None:
            return
        try:
            with while_trying_to(action):
                tables.get_table_client(self._name).delete_entity(partition, key)
        except NotFoundError:
            return
