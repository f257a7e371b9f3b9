"""The restarts by this app, stored in a table. They are used if Azure does not show when an app started.

A row has two parts, which are written separately:
- the version of the client secret for which the rotation requests a restart, written before the request
- the time of the last restart that Azure confirmed
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.errors import BackendError, NotFoundError
from backend.readings import text_of, time_or_none

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.restarts")
TABLE: Final = "CippBackendRestarts"
PARTITION: Final = "restart"


@dataclass(frozen=True)
class OwnRestart:
    """The stored data of one app. `version` is the client secret's at the last `requested` restart, or ""."""

    version: str
    requested: datetime | None
    confirmed: datetime | None


class OwnRestarts:
    """The service of these rows. Without storage, nothing is stored."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @property
    def are_kept(self) -> bool:
        """Whether a storage account is configured to store them.

        Raises:
            NotConfiguredError: The setting is not valid.
        """
        return self._clients.tables() is not None

    def note(self, app: str, moment: datetime) -> None:
        """Store that Azure confirmed a restart. If the table can't be written, this is only logged."""
        try:
            self._write(app, f"store the restart of '{app}'", {"Restarted": moment})
        except BackendError as error:
            logger.warning("Failed to store a restart: %s", error)

    def request(self, app: str, version: str, moment: datetime) -> None:
        """Store that a restart is about to be requested for a version of the client secret.

        Raises:
            BackendError: The table couldn't be written, so the restart must not be requested. A partial write is
                withdrawn if possible.
        """
        action = f"store that '{app}' is about to be restarted"
        try:
            self._write(app, action, {"RequestedFor": version, "Requested": moment})
        except BackendError:
            with suppress(BackendError):
                self._write(app, action, {"RequestedFor": ""}, once=True)
            raise

    def withdraw(self, app: str) -> None:
        """Store that no restart was requested. If the table can't be written, the restart counts as requested.

        Raises:
            BackendError: The table couldn't be written.
        """
        self._write(app, f"store that '{app}' was not restarted", {"RequestedFor": ""})

    def all(self) -> dict[str, OwnRestart]:
        """Return the stored data by the app's name in lower case.

        Raises:
            BackendError: The table can't be read.
        """
        tables = self._clients.tables()
        if tables is None:
            return {}
        try:
            with while_trying_to("read the restarts that this app requested"):
                found = rows(tables.get_table_client(TABLE).query_entities, f"PartitionKey eq '{PARTITION}'")
        except NotFoundError:  # no restart was ever stored
            return {}
        return {
            text_of(row.get("RowKey")): OwnRestart(
                version=text_of(row.get("RequestedFor")),
                requested=time_or_none(row.get("Requested")),
                confirmed=time_or_none(row.get("Restarted")),
            )
            for row in found
        }

    def known(self) -> dict[str, datetime]:
        """Return the time of each app's last confirmed restart, by name in lower case. {} if it can't be read."""
        try:
            return {app: restart.confirmed for app, restart in self.all().items() if restart.confirmed}
        except BackendError:
            return {}

    def _write(self, app: str, action: str, properties: dict[str, Any], *, once: bool = False) -> None:
        tables = self._clients.tables()
        if tables is None:
            return
        row = {"PartitionKey": PARTITION, "RowKey": app.lower(), **properties}
        with while_trying_to(action):
            _upsert(tables, row, {"retry_total": 0} if once else {})


def _upsert(tables: "TableServiceClient", row: dict[str, Any], options: dict[str, Any]) -> None:
    """Merge a row into the table. Create the table if it does not exist."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported when a table is written

    try:
        tables.get_table_client(TABLE).upsert_entity(row, **options)
    except ResourceNotFoundError:
        tables.create_table_if_not_exists(TABLE).upsert_entity(row, **options)
