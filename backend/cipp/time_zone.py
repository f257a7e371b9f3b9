"""CIPP's time zone, in its table Config, where all instances of CIPP and of this app read it."""

from typing import Final

from backend.azure.cipp_storage import NotCippsStorageError
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.cipp.results import TimeZoneAct
from backend.configuration.zone_names import iana_name
from backend.errors import ConflictError, InvalidInputError, NotConfiguredError, NotFoundError

TABLE: Final = "Config"
NO_TABLE: Final = "CIPP has not created its table Config yet."
START_CIPP: Final = "Start CIPP, then set the zone again."
ROW: Final = {"PartitionKey": "TimeSettings", "RowKey": "TimeSettings"}
ZONE_ADVICE: Final = (
    "Send an IANA name such as Europe/Amsterdam or America/New_York, or a Windows name such as W. Europe Standard Time."
)


class TimeZone:
    """The service for the zone. Requires Storage Table Data Contributor on CIPP's storage."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def set(self, name: str, *, dry_run: bool, note: str) -> TimeZoneAct:
        """Set the zone by its IANA name. It is effective on every instance of this app within a second.

        `note` states when it is effective in CIPP, "" if that is unknown.

        Raises:
            InvalidInputError: The name is not a time zone.
            NotConfiguredError: A storage account is not configured.
            ConflictError: CIPP has not created its table yet, or the storage account is not CIPP's.
        """
        zone = iana_name(name)
        if zone is None:
            raise InvalidInputError("Invalid Timezone: it is not a time zone.", field="Timezone", advice=ZONE_ADVICE)
        try:
            tables = self._clients.cipp_tables()
        except NotCippsStorageError as error:
            if dry_run:
                return TimeZoneAct(dry_run=True, would_do=[f"Refuse: {error}"], timezone=zone)
            raise ConflictError(error.detail, advice=error.advice) from error
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        if dry_run:
            with while_trying_to("look for CIPP's table Config"):
                is_there = any(True for _ in tables.query_tables(f"TableName eq '{TABLE}'"))
            would_do = f"Set CIPP's time zone to {zone}." if is_there else f"Refuse: {NO_TABLE} {START_CIPP}"
            return TimeZoneAct(dry_run=True, would_do=[would_do], timezone=zone)
        try:
            with while_trying_to("store CIPP's time zone"):
                tables.get_table_client(TABLE).upsert_entity({**ROW, "Timezone": zone, "TimezoneSource": "User"})
        except NotFoundError as error:
            raise ConflictError(NO_TABLE, advice=START_CIPP) from error
        return TimeZoneAct(
            dry_run=False,
            done=[f"CIPP's time zone is now {zone}.", *([note] if note else [])],
            timezone=zone,
        )
