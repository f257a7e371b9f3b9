"""What this app last saw of CIPP's main app, in a table. So a migration in place is noticed (state S4).

The row has the app's ID, kind and identity. When function apps become a container under the same ID, it also has the
time, and the identity before. Without storage, nothing is stored.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.errors import BackendError, NotFoundError
from backend.installation.main_app import MainApp
from backend.installation.shape import Shape, remembered_shape
from backend.readings import object_of, text_of, time_or_none

logger = logging.getLogger("cipp.backend")
TABLE: Final = "CippBackendInstallation"
PARTITION: Final = "installation"
ROW: Final = "main"
REMEMBERED: Final = timedelta(days=30)  # so long a migration is reported. Then its roles have been granted or not.


@dataclass(frozen=True)
class Memory:
    """What was last seen: the app's ID and shape, and its identity. `migrated` is when it became a container."""

    site_id: str = ""
    shape: str = ""
    principal: str = ""
    migrated: datetime | None = None
    former_principal: str = ""

    def with_seen(self, app: MainApp, now: datetime) -> "Memory":
        """Return the memory after a look at the app. An app of an unknown shape changes nothing. Pure."""
        if not app.shape.is_known:
            return self
        seen = Memory(
            text_of(app.site.get("id")).lower(),
            app.shape.value,
            text_of(object_of(app.site.get("identity")).get("principalId")),
            self.migrated,
            self.former_principal,
        )
        if seen.site_id != self.site_id:
            return Memory(seen.site_id, seen.shape, seen.principal)
        if app.shape.replaced(self.shape):
            return Memory(seen.site_id, seen.shape, seen.principal, now, self.principal)
        return seen

    def shape_of(self, app: str) -> Shape:
        """Return the last known shape of the app with that name, `UNKNOWN` if another app was remembered. Pure."""
        is_same = bool(app) and self.site_id.rpartition("/")[2] == app.lower()
        return remembered_shape(self.shape if is_same else "")

    def is_recent_migration(self, now: datetime) -> bool:
        """Return whether the app became a container within `REMEMBERED`. Pure."""
        return self.migrated is not None and now - self.migrated < REMEMBERED


class InstallationMemory:
    """The service of the row. If the table can't be read or written, nothing is known, and this is only logged."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @staticmethod
    def now() -> datetime:
        """Return the time in whole seconds, as it is stored."""
        return datetime.now(UTC).replace(microsecond=0)

    def remember(self, app: MainApp) -> Memory:
        """Return what is known after a look at the app, and store it if it is new."""
        now = self.now()
        try:
            before = self._read()
            after = before.with_seen(app, now)
            if after != before:
                self._write(after)
        except BackendError as error:
            logger.info("The memory of CIPP's main app is not available: %s", error)
            return Memory().with_seen(app, now)
        return after

    def last_shape(self, app: str) -> Shape:
        """Return the last known shape of the app with that name, `UNKNOWN` if nothing is known. It never raises."""
        try:
            return self._read().shape_of(app)
        except BackendError as error:
            logger.info("The memory of CIPP's main app is not available: %s", error)
            return Shape.UNKNOWN

    def _read(self) -> Memory:
        tables = self._clients.tables()
        if tables is None:
            return Memory()
        try:
            with while_trying_to("read what this app last saw of CIPP's main app"):
                found = rows(tables.get_table_client(TABLE).query_entities, f"PartitionKey eq '{PARTITION}'")
        except NotFoundError:
            return Memory()
        row = next(iter(found), {})
        return Memory(
            text_of(row.get("SiteId")),
            text_of(row.get("Shape")),
            text_of(row.get("Principal")),
            time_or_none(row.get("Migrated")),
            text_of(row.get("FormerPrincipal")),
        )

    def _write(self, memory: Memory) -> None:
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - imported when a table is written
        from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

        tables = self._clients.tables()
        if tables is None:
            return
        row: dict[str, Any] = {
            "PartitionKey": PARTITION,
            "RowKey": ROW,
            "SiteId": memory.site_id,
            "Shape": memory.shape,
            "Principal": memory.principal,
            "FormerPrincipal": memory.former_principal,
        }
        if memory.migrated:
            row["Migrated"] = memory.migrated
        with while_trying_to("store what this app saw of CIPP's main app"):
            try:
                tables.get_table_client(TABLE).upsert_entity(row, mode=UpdateMode.REPLACE)
            except ResourceNotFoundError:
                tables.create_table_if_not_exists(TABLE).upsert_entity(row, mode=UpdateMode.REPLACE)
