"""The tables of CIPP that this app reads: its time zone and its tenants. This module never writes them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from backend.azure.cipp_storage import NotCippsStorageError
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.configuration.problems import problem_with_zone
from backend.configuration.zone_names import iana_name
from backend.errors import AzureUnreachableError, BackendError, NotFoundError
from backend.readings import text_of, text_or_none

logger = logging.getLogger("cipp.tables")
ZONE_LIFETIME_SECONDS: Final = 0.5  # with the wait, a new zone is effective on every instance within a second
ZONE_WAIT_SECONDS: Final = 0.4
_UNKNOWN_ZONE: Final = (
    "The time zone in CIPP's table Config is not an IANA or Windows name, so CIPP_TIMEZONE or UTC is used. "
    "Set it with ExecTimeSettings."
)


_UNREAD_ZONE: Final = (
    "CIPP's table Config couldn't be read, and the app has no time zone from an earlier read, so UTC is used. "
    "Check the storage account, or set CIPP_TIMEZONE."
)


@dataclass(frozen=True)
class Tenant:
    """A customer tenant in CIPP."""

    tenant_id: str
    name: str
    domain: str
    excluded: bool


class CippTables:
    """CIPP's own tables. Unreadable data is unknown, not an error, because CIPP might be down or not set up."""

    def __init__(self, clients: Clients, environ: Mapping[str, str]) -> None:
        self._clients = clients
        self._environ = environ
        self._zone = Cached(
            self._read_name,
            action="read the time zone",
            lifetime=ZONE_LIFETIME_SECONDS,
            from_start=True,
            backoff_seconds=ZONE_LIFETIME_SECONDS,
            abandoned_seconds=ZONE_WAIT_SECONDS + ZONE_LIFETIME_SECONDS,
        )
        self._last_in_table: str | None = None  # the zone from the last read, "" if none was set
        self._is_unread = False  # the last read failed
        self._is_unknown_in_table = self._is_unknown_in_setting = False  # whether a warning was already logged
        self._is_guess_logged = False

    def zone_name(self) -> str:
        """Return the zone's IANA name for the links, at most about a second old."""
        try:
            return self._zone.get(Deadline.after(ZONE_WAIT_SECONDS))
        except AzureUnreachableError:
            logger.info("Timed out reading CIPP's table Config. Using the last known time zone.")
            return self._zone.peek() or self._zone_name() or "UTC"

    def _read_name(self) -> str:
        self._read_zone()
        return self._zone_name() or "UTC"

    def zone(self) -> tzinfo:
        """Return the deployment's time zone: from table `Config`, otherwise `CIPP_TIMEZONE`, otherwise UTC.

        If the table can't be read, the zone of the last read counts. See `is_zone_unknown`.
        """
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - its import searches the disk

        self._read_zone()
        name = self._zone_name()
        return ZoneInfo(name) if name else UTC

    @property
    def is_zone_unknown(self) -> bool:
        """Whether the zone is a guess: the last read of table `Config` failed, and no other source names a zone.

        Then `zone` must not decide that a week has begun. West of Greenwich, it begins up to 12 hours after UTC's.
        """
        return self._is_unread and self._last_in_table is None and not self._zone_in_setting()

    @property
    def zone_problems(self) -> list[str]:
        """Problems of the sources of the zone, as of the last read. Values are left out."""
        problems = [_UNREAD_ZONE] if self.is_zone_unknown else []
        if self._is_unknown_in_table:
            problems.append(_UNKNOWN_ZONE)
        if not self._last_in_table and (problem := problem_with_zone(self._environ)):
            problems.append(problem)
        return problems

    def tenants(self) -> Mapping[str, Tenant] | None:
        """Return CIPP's tenants by their ID in lower case, or None if they are unknown.

        They are unknown without a storage account, or if the table is missing, denied or timed out.

        Raises:
            NotCippsStorageError: The storage account is not CIPP's.
        """
        try:
            tables = self._clients.cipp_tables()
            if tables is None:
                return None
            with while_trying_to("read CIPP's table Tenants"):
                found = rows(tables.get_table_client("Tenants").query_entities, "PartitionKey eq 'Tenants'")
        except NotCippsStorageError:
            raise
        except BackendError as error:
            logger.info("CIPP's tenants are unknown: %s", error)
            return None
        tenants = [
            Tenant(
                tenant_id=(text_or_none(row.get("customerId")) or text_of(row.get("RowKey"))).lower(),
                name=text_of(row.get("displayName")),
                domain=text_of(row.get("defaultDomainName")),
                excluded=_is_excluded(row.get("Excluded")),
            )
            for row in found
        ]
        return {tenant.tenant_id: tenant for tenant in tenants}

    def _zone_name(self) -> str:
        """Return the zone of the last read from the table, otherwise of the setting, otherwise ""."""
        return self._last_in_table or self._zone_in_setting()

    def _read_zone(self) -> None:
        """Read the zone from the table. If it was never set, it is "". If the read fails, it stays unchanged."""
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
        """Return the zone in the table, or "" if CIPP has not set one.

        Raises:
            BackendError: The table can't be read.
        """
        tables = self._clients.tables()
        if tables is None:
            return ""
        try:
            with while_trying_to("read CIPP's time zone"):
                row = tables.get_table_client("Config").get_entity("TimeSettings", "TimeSettings")
            name = text_of(row.get("Timezone"))
        except NotFoundError:  # the table or its row is missing
            name = ""
        zone = iana_name(name)
        is_unknown = bool(name.strip()) and zone is None
        if is_unknown and not self._is_unknown_in_table:
            logger.warning(_UNKNOWN_ZONE)
        self._is_unknown_in_table = is_unknown
        return zone or ""

    def _zone_in_setting(self) -> str:
        problem = problem_with_zone(self._environ)
        if problem and not self._is_unknown_in_setting:
            logger.warning(problem)
        self._is_unknown_in_setting = problem is not None
        return iana_name(self._environ.get("CIPP_TIMEZONE", "")) or ""


def _is_excluded(value: object) -> bool:
    """Return whether CIPP excludes a tenant. An unreadable value counts as excluded, so that its key is not changed."""
    return value is not None and str(value).lower() not in ("false", "")
