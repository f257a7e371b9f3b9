"""The restarts by this app, kept in table storage. Where Azure does not show since when an app runs, they do.

A row has two parts, which are written apart: the version of the client secret for which the rotation requested a
restart, written before the request, and the time of the last restart that Azure confirmed.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from backend.clients import Clients
from backend.errors import BackendError, NotFoundError, while_trying_to

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.restarts")
TABLE: Final = "CippBackendRestarts"
PARTITION: Final = "restart"


@dataclass(frozen=True)
class OwnRestart:
    """What is kept of one app. `version` is the client secret's for which a restart was last `requested`, or ""."""

    version: str
    requested: datetime | None
    confirmed: datetime | None


class OwnRestarts:
    """The service of these rows. Without storage nothing is kept."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @property
    def are_kept(self) -> bool:
        """Whether there is a storage that keeps them.

        Raises:
            NotConfiguredError: The setting can't be used.
        """
        return self._clients.tables() is not None

    def note(self, app: str, moment: datetime) -> None:
        """Keep that Azure confirmed a restart. If the table can't be written, that is logged and nothing fails."""
        try:
            self._write(app, f"remember the restart of '{app}'", {"Restarted": moment})
        except BackendError as error:
            logger.warning("The restart was not remembered: %s", error)

    def request(self, app: str, version: str, moment: datetime) -> None:
        """Keep that a restart is about to be requested for a version of the client secret.

        Raises:
            BackendError: The table couldn't be written, so the restart may not be requested. What the write may have
                left there is withdrawn if possible.
        """
        action = f"record that '{app}' is about to be restarted"
        try:
            self._write(app, action, {"RequestedFor": version, "Requested": moment})
        except BackendError:
            with suppress(BackendError):
                self._write(app, action, {"RequestedFor": ""}, once=True)
            raise

    def withdraw(self, app: str) -> None:
        """Keep that no restart was requested. If the table can't be written, the app counts as requested.

        Raises:
            BackendError: The table couldn't be written.
        """
        self._write(app, f"record that '{app}' was not restarted", {"RequestedFor": ""})

    def all(self) -> dict[str, OwnRestart]:
        """Return what is kept, by the app's name in lower case.

        Raises:
            BackendError: The table can't be read.
        """
        tables = self._clients.tables()
        if tables is None:
            return {}
        try:
            with while_trying_to("read the restarts that this app requested"):
                rows = list(tables.get_table_client(TABLE).query_entities(f"PartitionKey eq '{PARTITION}'"))
        except NotFoundError:  # no restart was ever kept
            return {}
        return {
            str(row["RowKey"]): OwnRestart(
                version=str(row.get("RequestedFor") or ""),
                requested=_moment(row.get("Requested")),
                confirmed=_moment(row.get("Restarted")),
            )
            for row in rows
        }

    def known(self) -> dict[str, datetime]:
        """Return when each app was last restarted for certain, by its name in lower case; {} if that can't be read."""
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
    """Merge a row into the table, which is made if it is not there yet."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported where a table is written

    try:
        tables.get_table_client(TABLE).upsert_entity(row, **options)
    except ResourceNotFoundError:
        tables.create_table_if_not_exists(TABLE).upsert_entity(row, **options)


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 - a row's value
    return datetime.fromtimestamp(value.timestamp(), UTC) if isinstance(value, datetime) else None
