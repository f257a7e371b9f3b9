"""This app's entries in CIPP's Logbook, page by page.

The table `CippLogs` is partitioned by day, and the rows of a day have no order. So each day is read completely: first
the newest one, then some concurrently until a page is full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import row_pages
from backend.cipp.log_entries import (
    BACKEND_API,
    DAYS,
    ROTATION_API,
    LogEntry,
    LogFilter,
    LogPage,
    Place,
    entry_of,
    place_of,
)
from backend.cipp.logbook import TABLE
from backend.cipp.tables import CippTables
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError, BackendError, NotConfiguredError, NotFoundError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from azure.data.tables import TableClient

SECONDS: Final = 20.0  # for all days. The days that are left are another page
CONCURRENT: Final = 5  # days
MOST: Final = 20_000  # entries of a day, so that a flood of denials can't fill the memory
# An entry is in the partition of its writer's clock, and its time is the storage's. They can differ.
CLOCKS: Final = timedelta(minutes=10)
_COLUMNS: Final = (
    "PartitionKey",
    "RowKey",
    "Timestamp",
    "API",
    "Message",
    "Username",
    "Severity",
    "LogData",
    "IP",
    "AppId",
    "Tenant",
    "TenantID",
)
# The SDK finds a parameter only between spaces, so the filter has no parentheses.
_FILTER: Final = "PartitionKey eq @day and API eq @backend or PartitionKey eq @day and API eq @rotation"


@dataclass(frozen=True)
class DayOfLog:
    """The entries of a day, without an order. `is_cut`: there are too many, so some are left out."""

    entries: Sequence[LogEntry]
    is_cut: bool


class BackendLog:
    """The service of the entries. Requires Storage Table Data Reader on CIPP's storage."""

    def __init__(self, clients: Clients, tables: CippTables) -> None:
        self._clients = clients
        self._tables = tables

    def page(self, wanted: LogFilter, *, shows_addresses: bool) -> LogPage:
        """Return a page of entries of the last `DAYS` days, the newest first.

        If a day can't be read after others were, the page ends there, and `notes` has the reason.

        Raises:
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            AzureError: The table refused or timed out before the first day was read.
        """
        tables = self._clients.cipp_tables()
        if tables is None:
            raise NotConfiguredError(
                "No storage account is configured, so the Logbook is unknown.",
                advice="Set CIPP_STORAGE to CIPP's storage account.",
            )
        zone, now = self._tables.zone(), datetime.now(UTC)
        since = replace(wanted, since=now - timedelta(days=DAYS))  # the oldest partition has older entries, too
        reader = _Reader(tables.get_table_client(TABLE), since, zone, shows_addresses=shows_addresses)
        days = days_of(wanted.before.time if wanted.before else now, now, zone)
        readings: dict[date, Future[DayOfLog]] = {}
        for number, day in enumerate(days):
            if reader.is_full_before(day):
                break
            if day not in readings:
                ahead = days[number : number + (CONCURRENT if number else 1)]
                readings = {one: background.start(partial(reader.read, one), name="read the Logbook") for one in ahead}
            try:
                reader.add(day, readings[day].result())
            except NotFoundError:  # CIPP has not created the table yet
                return LogPage(entries=[], before=None, notes=[])
            except BackendError as error:
                if not reader.last_day:
                    raise
                return reader.partial_page(error)
        return reader.page()


class _Reader:
    """The reader of one page."""

    def __init__(self, table: "TableClient", wanted: LogFilter, zone: tzinfo, *, shows_addresses: bool) -> None:
        self._table = table
        self._wanted = wanted
        self._zone = zone
        self._shows_addresses = shows_addresses
        self._deadline = Deadline.after(SECONDS)
        self._entries: list[LogEntry] = []
        self.last_day: date | None = None
        self._notes: list[str] = []

    def read(self, day: date) -> DayOfLog:
        """Return the wanted entries of a day.

        Raises:
            AzureError: The table refused or timed out.
        """
        action, found, is_cut = f"read CIPP's Logbook of {day}", list[LogEntry](), False
        parameters = {"day": f"{day:%Y%m%d}", "backend": BACKEND_API, "rotation": ROTATION_API}
        with while_trying_to(action):
            query = self._table.query_entities
            for rows in row_pages(query, _FILTER, parameters=parameters, select=[*_COLUMNS]):
                entries = (entry_of(row, shows_addresses=self._shows_addresses) for row in rows)
                found += [entry for entry in entries if entry and self._wanted.takes(entry)]
                is_cut = len(found) > MOST
                if is_cut:
                    break
                if self._deadline.expired:
                    raise AzureUnreachableError(
                        f"Couldn't {action} in time: the storage account is slow.", advice="Try again in a moment."
                    )
        return DayOfLog(found, is_cut=is_cut)

    def add(self, day: date, found: DayOfLog) -> None:
        """Add the entries of a day to the page."""
        if found.is_cut:
            self._notes.append(f"{day} has more than {MOST:,} entries, so some are left out.")
        self._entries = sorted([*self._entries, *found.entries], key=place_of, reverse=True)
        self.last_day = day

    def is_full_before(self, day: date) -> bool:
        """Return whether no entry of a day, or of an older one, belongs on the page."""
        if len(self._entries) <= self._wanted.top:  # one more shows that there is another page
            return False
        ends = datetime.combine(day + timedelta(days=1), time(), self._zone)
        return self._entries[self._wanted.top].time >= ends + CLOCKS

    def page(self, after: Place | None = None) -> LogPage:
        """Return the page. With `after`, it has no older entries, and the next page begins there."""
        entries = [entry for entry in self._entries if after is None or place_of(entry) > after]
        shown = entries[: self._wanted.top]
        before = place_of(shown[-1]) if len(entries) > len(shown) else after
        return LogPage(entries=shown, before=before.text if before else None, notes=self._notes)

    def partial_page(self, error: BackendError) -> LogPage:
        """Return a page that ends with the last day that was read, because an older one can't be read."""
        self._notes.append(f"Older entries were not read. {error}")
        begins = datetime.combine(self.last_day or date.max, time(), self._zone).astimezone(UTC) + CLOCKS
        after = Place(begins)
        return self.page(min(after, self._wanted.before or after))


def days_of(before: datetime, now: datetime, zone: tzinfo) -> list[date]:
    """Return the days whose partitions may have an entry before a time, the newest first. Pure."""
    first = now - timedelta(days=DAYS)
    if before < first:
        return []
    newest, oldest = ((moment + CLOCKS).astimezone(zone).date() for moment in (min(before, now), first - 2 * CLOCKS))
    return [newest - timedelta(days=back) for back in range((newest - oldest).days + 1)]
