"""The restarts that this app itself asked ARM for: where ARM does not tell since when an app runs, they do."""

import logging
from datetime import UTC, datetime
from typing import Final

from backend.clients import Clients
from backend.errors import BackendError, while_trying_to

logger = logging.getLogger("cipp.restarts")
TABLE: Final = "CippBackendRestarts"
PARTITION: Final = "restart"


class OwnRestarts:
    """The service of what is remembered of them, in CIPP's table storage; without one nothing is."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def note(self, app: str, moment: datetime) -> None:
        """Remember a restart; where the table does not take it, the log stream says so and the act goes on."""
        tables = self._clients.tables()
        if tables is None:
            return
        row = {"PartitionKey": PARTITION, "RowKey": app.lower(), "Restarted": moment}
        try:
            with while_trying_to(f"remember the restart of '{app}'"):
                tables.create_table_if_not_exists(TABLE).upsert_entity(row)
        except BackendError as error:
            logger.warning("The restart was not remembered: %s", error)

    def known(self) -> dict[str, datetime]:
        """Answer when each app was last restarted by us, by its name in lower case; empty where nothing is told."""
        tables = self._clients.tables()
        if tables is None:
            return {}
        try:
            with while_trying_to("read the restarts that were asked for"):
                rows = list(tables.get_table_client(TABLE).query_entities(f"PartitionKey eq '{PARTITION}'"))
        except BackendError:
            return {}
        return {str(row["RowKey"]): datetime.fromtimestamp(row["Restarted"].timestamp(), UTC) for row in rows}
