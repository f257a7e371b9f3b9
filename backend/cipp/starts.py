"""What CIPP's tables show of its starts, its versions and its background jobs. This module never writes them.

The tables and their columns are from CIPP's public source, and were never read from a real CIPP. Versions before the
end of 2026 do not have the table InstanceHealth.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backend.azure.sdk_json import rows
from backend.readings import text_of, time_or_none

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

TABLE: Final = "InstanceHealth"
BOOTS_READ: Final = timedelta(days=90)  # the table has a row for every five minutes
SAMPLES_READ: Final = timedelta(hours=1)


@dataclass(frozen=True)
class VersionRecord:
    """The present version, and its first start. CIPP may have started again since."""

    version: str
    since: datetime | None


def last_boot(tables: "TableServiceClient", now: datetime) -> datetime | None:
    """Return CIPP's last start, None if there is not one in `BOOTS_READ`.

    Raises:
        Exception: The SDK's, also if the table does not exist. `while_trying_to` translates it.
    """
    return _latest(tables, "boot", now - BOOTS_READ, "BootTime")


def last_sample(tables: "TableServiceClient", now: datetime) -> datetime | None:
    """Return when CIPP's background jobs last left a sample, None if not in `SAMPLES_READ`. They do each 5 minutes.

    Raises:
        Exception: As `last_boot`.
    """
    return _latest(tables, "sample", now - SAMPLES_READ, "Bucket")


def version_record(tables: "TableServiceClient") -> VersionRecord:
    """Return the version that CIPP recorded at its first start with it.

    Raises:
        Exception: As `last_boot`.
    """
    row = tables.get_table_client("VersionHistory").get_entity("Version", "Current")
    return VersionRecord(text_of(row.get("Version")), time_or_none(row.get("RecordedAt")))


def _latest(tables: "TableServiceClient", kind: str, since: datetime, column: str) -> datetime | None:
    query = f"PartitionKey eq '{TABLE}' and RowKey ge '{since:%Y-%m-%dT%H:%M}' and Kind eq '{kind}'"
    found = rows(tables.get_table_client(TABLE).query_entities, query)
    return max((at for row in found if (at := time_or_none(row.get(column)))), default=None)
