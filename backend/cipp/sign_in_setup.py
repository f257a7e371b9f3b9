"""CIPP's row about the setup of its sign-in, in its table SSOMigration. This module never writes it.

The row is from CIPP's public source, and was never read from a real CIPP.
"""

from typing import TYPE_CHECKING, Final

from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.errors import NotFoundError
from backend.readings import Json

if TYPE_CHECKING:
    from backend.azure.clients import Clients

TABLE: Final = "SSOMigration"
_QUERY: Final = "PartitionKey eq 'SSO' and RowKey eq 'MigrationConfig'"


def read_sign_in_setup(clients: "Clients") -> Json | None:
    """Return the row, {} if CIPP did not write one, None if this app does not know CIPP's storage account.

    Requires Storage Table Data Reader on that account.

    Raises:
        BackendError: The table couldn't be read.
    """
    tables = clients.cipp_tables()
    if tables is None:
        return None
    try:
        with while_trying_to(f"read CIPP's table {TABLE}"):
            return next(iter(rows(tables.get_table_client(TABLE).query_entities, _QUERY)), {})
    except NotFoundError:
        return {}
