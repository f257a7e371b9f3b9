"""The restarts by this app, stored in a table. They are used if Azure does not show when an app started.

A row has two parts, which are written separately:
- the version of the client secret for which the rotation requests a restart, written before the request
- the time of the last restart that Azure confirmed
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.own_table import OwnTable
from backend.errors import BackendError
from backend.readings import text_of, time_or_none

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
        self._table = OwnTable(clients, TABLE)

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
        found = self._table.rows(PARTITION, "read the restarts that this app requested")
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

    def _write(self, app: str, action: str, properties: Mapping[str, Any], *, once: bool = False) -> None:
        row = {"PartitionKey": PARTITION, "RowKey": app.lower(), **properties}
        self._table.put(row, action, keeps_others=True, once=once)
