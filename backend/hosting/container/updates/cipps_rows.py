"""What CIPP's tables show of its container: its settings of updates, its last start and its background jobs.

The tables and their columns are from CIPP's public source, and were never read from a real CIPP. A table or a row that
is missing shows nothing, which is not an error: which of them exist depends on CIPP's version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.cipp.starts import SAMPLES_READ, VersionRecord, last_boot, last_sample, version_record
from backend.errors import NotConfiguredError, NotFoundError
from backend.readings import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.data.tables import TableServiceClient

T = TypeVar("T")
ALIVE: Final = timedelta(minutes=10)  # with a younger sample, CIPP's background jobs run


@dataclass(frozen=True)
class InstanceHealth:
    """The last start of CIPP, the last sample of its background jobs, and its present version. None is unknown."""

    started: datetime | None = None
    sampled: datetime | None = None
    version: VersionRecord | None = None

    def runs_jobs(self, now: datetime) -> bool | None:
        """Return whether CIPP's background jobs run, None if it is unknown. Pure.

        CIPP records its starts in the table of the samples. So without a sample for `SAMPLES_READ` after a start, its
        jobs don't run. Without a start in the table, this version might not write samples.
        """
        if self.started and now - self.started < ALIVE:
            return None
        if self.sampled:
            return now - self.sampled < ALIVE
        return False if self.started and now - self.started >= SAMPLES_READ else None


class CippsRows:
    """The service of these rows. Requires Storage Table Data Reader on CIPP's storage account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def update_settings(self) -> Json:
        """Return the row of CIPP's settings of updates, {} if it does not exist.

        Raises:
            BackendError: It couldn't be read, or a storage account is not configured.
        """
        query = "PartitionKey eq 'Settings' and RowKey eq 'UpdateConfig'"
        found = self._of(
            "ContainerUpdateSettings",
            lambda tables: rows(tables.get_table_client("ContainerUpdateSettings").query_entities, query),
        )
        return next(iter(found or ()), {})

    def version_history(self) -> list[Json]:
        """Return the rows of the changes of the version, [] if CIPP recorded none. Raises as `update_settings`."""
        query = "PartitionKey eq 'History'"
        return (
            self._of(
                "VersionHistory",
                lambda tables: rows(tables.get_table_client("VersionHistory").query_entities, query),
            )
            or []
        )

    def version(self) -> VersionRecord | None:
        """Return the version that CIPP recorded last, None if it recorded none. Raises as `update_settings`."""
        return self._of("VersionHistory", version_record)

    def instance_health(self, now: datetime) -> InstanceHealth:
        """Return CIPP's last start, its last sample and its version.

        Raises:
            BackendError: A table couldn't be read, or a storage account is not configured.
        """
        return InstanceHealth(
            self._of("InstanceHealth", partial(last_boot, now=now)),
            self._of("InstanceHealth", partial(last_sample, now=now)),
            self._of("VersionHistory", version_record),
        )

    def _of(self, table: str, read: "Callable[[TableServiceClient], T]") -> T | None:
        """Return what a table shows, None if it does not exist."""
        tables = self._clients.cipp_tables()
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        try:
            with while_trying_to(f"read CIPP's table {table}"):
                return read(tables)
        except NotFoundError:
            return None
