"""What CIPP's tables show of its container: its settings of updates, its versions, its starts and samples.

The tables and their columns are from CIPP's public source, and were never read from a real CIPP. A table or a row that
is missing shows nothing, which is not an error: which of them exist depends on CIPP's version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.errors import NotConfiguredError, NotFoundError
from backend.readings import Json, text_of, time_or_none

_STARTS_READ: Final = timedelta(days=90)
_SAMPLES_READ: Final = timedelta(hours=1)  # CIPP writes one every five minutes
ALIVE: Final = timedelta(minutes=10)  # with a younger sample, CIPP's background jobs run


@dataclass(frozen=True)
class VersionRecord:
    """A version that CIPP recorded at its first start with it. `previous` is the version before, "" if unknown."""

    version: str
    since: datetime | None
    previous: str = ""


@dataclass(frozen=True)
class InstanceHealth:
    """The last start of CIPP and the last sample of its background jobs, None if unknown."""

    started: datetime | None = None
    sampled: datetime | None = None


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
        return next(iter(self._rows("ContainerUpdateSettings", query)), {})

    def versions(self) -> list[VersionRecord]:
        """Return the versions that ran, the newest first. The first one is the present version if CIPP recorded it.

        Raises:
            BackendError: The table couldn't be read, or a storage account is not configured.
        """
        found = self._rows("VersionHistory", "PartitionKey eq 'Version' or PartitionKey eq 'History'")
        current = [
            VersionRecord(text_of(row.get("Version")), time_or_none(row.get("RecordedAt")))
            for row in found
            if row.get("PartitionKey") == "Version"
        ]
        history = [
            VersionRecord(
                text_of(row.get("NewVersion")),
                time_or_none(row.get("RecordedAt")),
                text_of(row.get("PreviousVersion")),
            )
            for row in found
            if row.get("PartitionKey") == "History"
        ]
        history.sort(key=lambda record: record.since.timestamp() if record.since else 0.0, reverse=True)
        new = [record for record in current if record.version not in {past.version for past in history[:1]}]
        return [record for record in (*new, *history) if record.version]

    def instance_health(self, now: datetime) -> InstanceHealth:
        """Return CIPP's last start and last sample. Versions before the end of 2026 do not record them.

        Raises:
            BackendError: The table couldn't be read, or a storage account is not configured.
        """
        starts = self._rows("InstanceHealth", _query("boot", now - _STARTS_READ))
        samples = self._rows("InstanceHealth", _query("sample", now - _SAMPLES_READ))
        return InstanceHealth(
            started=max((at for row in starts if (at := time_or_none(row.get("BootTime")))), default=None),
            sampled=max((at for row in samples if (at := time_or_none(row.get("Bucket")))), default=None),
        )

    def _rows(self, table: str, query: str) -> list[Json]:
        tables = self._clients.cipp_tables()
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        try:
            with while_trying_to(f"read CIPP's table {table}"):
                return rows(tables.get_table_client(table).query_entities, query)
        except NotFoundError:
            return []


def _query(kind: str, since: datetime) -> str:
    return f"PartitionKey eq 'InstanceHealth' and RowKey ge '{since:%Y-%m-%dT%H:%M}' and Kind eq '{kind}'"
