"""What CIPP itself keeps in table storage and we read: its time zone and its tenants. Never written here."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from backend import at_once
from backend.cipp_storage import NotCippsStorageError
from backend.clients import Clients
from backend.errors import BackendError, NotFoundError, while_trying_to
from backend.setting_kinds import is_time_zone

logger = logging.getLogger("cipp.tables")
ZONE_LIFETIME_SECONDS: Final = 0.5  # with the wait, a zone that was set is effective on every instance within a second
ZONE_WAIT_SECONDS: Final = 0.4
_UNKNOWN_ZONE: Final = (
    "The time zone in CIPP's table Config is not an IANA time zone, so CIPP_TIMEZONE or UTC is used. "
    "Set it with ExecTimeSettings."
)


_UNREAD_ZONE: Final = (
    "CIPP's table Config could not be read, and no time zone was read before, so UTC is used. "
    "Check the storage account, or set CIPP_TIMEZONE."
)


@dataclass(frozen=True)
class Tenant:
    """A customer tenant as CIPP knows it."""

    tenant_id: str
    name: str
    domain: str
    excluded: bool


class CippTables:
    """CIPP's own tables. What cannot be read is unknown, never an error: CIPP may be down or not set up."""

    def __init__(self, clients: Clients, environ: Mapping[str, str]) -> None:
        self._clients = clients
        self._environ = environ
        self._named = ""
        self._named_until = 0.0
        self._last_in_table: str | None = None  # the zone as it was last read, "" if none was set
        self._is_unread = False  # the last read failed
        self._is_unknown_in_table = self._is_unknown_in_setting = False  # then it was logged already
        self._is_guess_logged = False

    def zone_name(self) -> str:
        """Return the zone's name for the links: always a real zone. It is read again after a second."""
        if time.monotonic() < self._named_until:
            return self._named
        reading = at_once.start(self._read_zone, name="read the time zone")
        try:
            reading.result(ZONE_WAIT_SECONDS)
            self._named = self._zone_name() or "UTC"
        except TimeoutError:
            self._named = self._named or self._zone_name() or "UTC"
            logger.info("CIPP's table Config timed out. The last known zone is shown.")
        self._named_until = time.monotonic() + ZONE_LIFETIME_SECONDS
        return self._named

    def zone(self) -> tzinfo:
        """Return the deployment's time zone: table `Config`, else `CIPP_TIMEZONE`, else UTC.

        If the table can't be read, the zone that was last read from it stands in its place. See `is_zone_unknown`.
        """
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - it looks around the disk when imported

        self._read_zone()
        name = self._zone_name()
        return ZoneInfo(name) if name else UTC

    @property
    def is_zone_unknown(self) -> bool:
        """Whether the zone is a guess: the last read of table `Config` failed, and nothing else names a zone.

        Then a week must not count as begun by `zone`: west of Greenwich it begins up to 12 hours later than in UTC.
        """
        return self._is_unread and self._last_in_table is None and not self._zone_in_setting()

    @property
    def zone_problems(self) -> list[str]:
        """What is wrong with the zone in table `Config`, as it was read last. Its value is left out."""
        if self.is_zone_unknown:
            return [_UNREAD_ZONE]
        return [_UNKNOWN_ZONE] if self._is_unknown_in_table else []

    def tenants(self) -> Mapping[str, Tenant] | None:
        """Return CIPP's tenants by their id in lower case, or None if they are unknown.

        They are unknown without a storage account, and if the table is missing, refused or timed out.

        Raises:
            NotCippsStorageError: The storage account is not CIPP's.
        """
        try:
            tables = self._clients.cipp_tables()
            if tables is None:
                return None
            with while_trying_to("read CIPP's table Tenants"):
                rows = list(tables.get_table_client("Tenants").query_entities("PartitionKey eq 'Tenants'"))
        except NotCippsStorageError:
            raise
        except BackendError as error:
            logger.info("CIPP's tenants are unknown: %s", error)
            return None
        tenants = [
            Tenant(
                tenant_id=str(row.get("customerId") or row["RowKey"]).lower(),
                name=str(row.get("displayName") or ""),
                domain=str(row.get("defaultDomainName") or ""),
                excluded=str(row.get("Excluded", "")).lower() == "true",
            )
            for row in rows
        ]
        return {tenant.tenant_id: tenant for tenant in tenants}

    def custom_roles(self) -> frozenset[str] | None:
        """Return the names of CIPP's custom roles in lower case, or None if they are unknown."""
        rows = self._rows("CustomRoles", "PartitionKey eq 'CustomRoles'")
        return None if rows is None else frozenset(str(row["RowKey"]).lower() for row in rows)

    def has_superadmin_group(self) -> bool | None:
        """Return whether an Entra group is superadmin, by CIPP's table AccessRoleGroups, or None if that is unknown."""
        rows = self._rows("AccessRoleGroups", "RowKey eq 'superadmin'")
        return None if rows is None else any(row.get("GroupId") for row in rows)

    def _rows(self, table: str, query: str) -> list[dict[str, Any]] | None:
        """Return the rows of a table of CIPP's, [] if CIPP has not made it, or None if it can't be read."""
        try:
            tables = self._clients.cipp_tables()
            if tables is None:
                return None
            with while_trying_to(f"read CIPP's table {table}"):
                return [dict(row) for row in tables.get_table_client(table).query_entities(query)]
        except NotFoundError:
            return []
        except BackendError as error:
            logger.info("CIPP's table %s is unknown: %s", table, error)
            return None

    def _zone_name(self) -> str:
        """Return the zone that was last read from the table, else the setting's, else ""."""
        return self._last_in_table or self._zone_in_setting()

    def _read_zone(self) -> None:
        """Read the zone in the table. One that was never set is "", and one that can't be read stays as it was."""
        try:
            self._last_in_table = self._zone_in_table()
        except BackendError as error:
            self._is_unread = True
            if self.is_zone_unknown and not self._is_guess_logged:
                logger.warning("%s %s", _UNREAD_ZONE, error)
                self._is_guess_logged = True
        else:
            self._is_unread = self._is_guess_logged = False

    def _zone_in_table(self) -> str:
        """Return the zone in the table, or "" if CIPP has not set any.

        Raises:
            BackendError: The table can't be read.
        """
        tables = self._clients.tables()
        if tables is None:
            return ""
        try:
            with while_trying_to("read CIPP's time zone"):
                row = tables.get_table_client("Config").get_entity("TimeSettings", "TimeSettings")
            name = str(row.get("Timezone") or "")
        except NotFoundError:  # of the table, or of its row
            name = ""
        is_zone = is_time_zone(name)
        if name and not is_zone and not self._is_unknown_in_table:
            logger.warning(_UNKNOWN_ZONE)
        self._is_unknown_in_table = bool(name) and not is_zone
        return name if is_zone else ""

    def _zone_in_setting(self) -> str:
        name = self._environ.get("CIPP_TIMEZONE", "")
        if not name or is_time_zone(name):
            return name
        if not self._is_unknown_in_setting:
            logger.warning("The setting CIPP_TIMEZONE is not an IANA time zone such as Europe/Amsterdam. UTC is used.")
        self._is_unknown_in_setting = True
        return ""
