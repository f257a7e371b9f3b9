"""What this app last saw of CIPP's main app, in a table: its installation, and its condition.

- The installation is the app's ID, kind and identity. When function apps become a container under the same ID, it also
  has the time, and the identity before. So a migration in place is noticed (state S4).
- The condition is whether CIPP is up, and since when. Azure does not show when an app was stopped.

Without storage, nothing is stored.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.own_table import OwnTable
from backend.errors import BackendError
from backend.installation.app_states import AppCondition
from backend.installation.main_app import MainApp
from backend.installation.shape import Shape, remembered_shape
from backend.readings import Json, object_of, text_of, time_or_none

logger = logging.getLogger("cipp.backend")
TABLE: Final = "CippBackendInstallation"
PARTITION: Final = "installation"
ROW: Final = "main"
CONDITION: Final = "condition"  # the partition of the rows of conditions, by the app's name
SEEN_AGAIN: Final = timedelta(minutes=10)  # so old the stored time of the last look may be
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


@dataclass(frozen=True)
class Sighting:
    """A condition that this app saw. It saw it first at `since`, and last at `seen`.

    At `earliest`, it last saw another condition, None if it never did. So the condition began after that time.
    """

    condition: str
    since: datetime
    seen: datetime
    earliest: datetime | None = None

    def then(self, condition: AppCondition, now: datetime) -> "Sighting":
        """Return what is known after another look. A look that is older than the last one changes nothing. Pure."""
        if now <= self.seen:
            return self
        if condition == self.condition:
            return replace(self, seen=now) if now - self.seen >= SEEN_AGAIN else self
        return Sighting(condition, now, now, self.seen)


class InstallationMemory:
    """The service of the rows. If the table can't be read or written, nothing is known, and this is only logged."""

    def __init__(self, clients: Clients) -> None:
        self._table = OwnTable(clients, TABLE)
        self._sightings: dict[str, Sighting] = {}  # of this process

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

    def see(self, app: str, condition: AppCondition, now: datetime) -> Sighting | None:
        """Return since when the app is in its condition, and store a new one. None if the condition is unknown.

        The times are those of the looks at Azure. It never raises: without the table, only this process is known.
        """
        if condition == "Unknown" or not app:
            return None
        here = self._sightings.get(app.lower())
        if here and here.then(condition, now) is here and here.condition == condition:
            return here
        try:
            stored = self._last_sighting(app)
            known = max(filter(None, (stored, here)), key=lambda one: one.seen, default=None)
            after = known.then(condition, now) if known else Sighting(condition, now, now)
            if after != stored:
                self._store_sighting(app, after)
        except BackendError as error:
            logger.info("The memory of CIPP's condition is not available: %s", error)
            after = here.then(condition, now) if here else Sighting(condition, now, now)
        self._sightings[app.lower()] = after
        return after if after.condition == condition else None

    def _last_sighting(self, app: str) -> Sighting | None:
        row = next((row for row in self._rows(CONDITION) if text_of(row.get("RowKey")) == app.lower()), {})
        condition = text_of(row.get("State"))
        since, seen = time_or_none(row.get("Since")), time_or_none(row.get("Seen"))
        if not (condition and since and seen):
            return None
        return Sighting(condition, since, seen, time_or_none(row.get("Earliest")))

    def _store_sighting(self, app: str, sighting: Sighting) -> None:
        row: dict[str, Any] = {
            "PartitionKey": CONDITION,
            "RowKey": app.lower(),
            "State": sighting.condition,
            "Since": sighting.since,
            "Seen": sighting.seen,
        }
        if sighting.earliest:
            row["Earliest"] = sighting.earliest
        self._upsert(row)

    def _rows(self, partition: str) -> list[Json]:
        return self._table.rows(partition, "read what this app last saw of CIPP's main app")

    def _read(self) -> Memory:
        row = next(iter(self._rows(PARTITION)), {})
        return Memory(
            text_of(row.get("SiteId")),
            text_of(row.get("Shape")),
            text_of(row.get("Principal")),
            time_or_none(row.get("Migrated")),
            text_of(row.get("FormerPrincipal")),
        )

    def _write(self, memory: Memory) -> None:
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
        self._upsert(row)

    def _upsert(self, row: Mapping[str, Any]) -> None:
        self._table.put(row, "store what this app saw of CIPP's main app")
