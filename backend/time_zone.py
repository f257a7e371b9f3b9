"""CIPP's time zone: in its table Config, where every instance of CIPP and of this app reads it."""

from typing import Final

from backend.act import Act
from backend.cipp_storage import NotCippsStorageError
from backend.clients import Clients
from backend.errors import ConflictError, InvalidInputError, NotConfiguredError, NotFoundError, while_trying_to
from backend.setting_kinds import is_time_zone

TABLE: Final = "Config"
NO_TABLE: Final = "CIPP has not made its table Config yet: start CIPP once, then set the zone."
ROW: Final = {"PartitionKey": "TimeSettings", "RowKey": "TimeSettings"}

HOST_ZONE: Final = (
    "Where the plan honours WEBSITE_TIME_ZONE (Windows, Linux Premium and Dedicated; not Linux Consumption or Flex), "
    "set it too with ExecFunctionAppSettings, for the timers that the host itself starts."
)


class TimeZoneAct(Act, frozen=True, kw_only=True):
    """The zone that was set."""

    timezone: str


class TimeZone:
    """The service of the zone. Needs Storage Table Data Contributor on CIPP's storage."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def set(self, name: str, *, dry_run: bool) -> TimeZoneAct:
        """Set the zone; effective on every instance within a second.

        Raises:
            InvalidInputError: No such zone.
            NotConfiguredError: No storage is configured.
            ConflictError: CIPP has not made its table yet, or the storage account is not CIPP's.
        """
        if not is_time_zone(name):
            raise InvalidInputError(
                "Timezone must be an IANA name such as Europe/Amsterdam. What you sent is not one.", field="Timezone"
            )
        try:
            tables = self._clients.cipp_tables()
        except NotCippsStorageError as error:
            if dry_run:
                return TimeZoneAct(dry_run=True, would_do=[f"Refuse: {error}"], timezone=name)
            raise ConflictError(str(error)) from error
        if tables is None:
            raise NotConfiguredError("No storage is configured: set CIPP_STORAGE to the one of CIPP.")
        if dry_run:
            with while_trying_to("look for CIPP's table Config"):
                is_there = any(True for _ in tables.query_tables(f"TableName eq '{TABLE}'"))
            would_do = f"Set CIPP's time zone to {name}." if is_there else f"Refuse: {NO_TABLE}"
            return TimeZoneAct(dry_run=True, would_do=[would_do], timezone=name)
        try:
            with while_trying_to("store CIPP's time zone"):
                tables.get_table_client(TABLE).upsert_entity({**ROW, "Timezone": name, "TimezoneSource": "User"})
        except NotFoundError as error:
            raise ConflictError(NO_TABLE) from error
        return TimeZoneAct(
            dry_run=False,
            done=[f"CIPP's time zone is {name} now.", HOST_ZONE],
            timezone=name,
        )
