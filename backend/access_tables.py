"""CIPP's tables of access: custom roles, API clients, the groups and the addresses of roles. Never written here.

They are read whole and compared here: no filter is ever built of what a caller sent.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from backend import at_once
from backend.address_ranges import ANYWHERE, NOWHERE, Ranges, ranges_of
from backend.clients import Clients
from backend.errors import BackendError, NotConfiguredError, NotFoundError, while_trying_to
from backend.key_vault import is_guid
from backend.roles import ALL_TENANTS, BASE, PLATFORM, CustomRole
from backend.seats import NOT_NEEDED, Seat

if TYPE_CHECKING:
    from concurrent.futures import Future

    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.access")
TABLES: Final = ("CustomRoles", "ApiClients", "AccessRoleGroups", "AccessIPRanges")
LIFETIME_SECONDS: Final = 5.0  # a role that was taken away has gone after this
WAIT_SECONDS: Final = 6.0  # where nothing can be decided without the tables, or nothing is known of addresses yet
SHORT_WAIT_SECONDS: Final = 2.5  # where a base role goes on without them; the first reading loads the SDK, too
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ApiClient:
    """An API client as CIPP knows it; `role` is a name in lower case, "" where it has none."""

    app_id: str
    name: str
    role: str
    enabled: bool
    ranges: Ranges


@dataclass(frozen=True)
class Known:
    """What the tables say. All names and ids are in lower case."""

    custom_roles: Mapping[str, CustomRole] = field(default_factory=dict)
    clients: Mapping[str, ApiClient] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)  # roles by the id of a group
    ranges: Mapping[str, Ranges] = field(default_factory=dict)  # by role; a role that is not there is not restricted

    def ranges_of(self, roles: Iterable[str]) -> Ranges:
        """Answer from where the roles hold: the ranges of all of them together; superadmin is never restricted."""
        names = list(roles)
        restricted = [self.ranges[name] for name in names if name in self.ranges]
        if "superadmin" in names or not restricted:
            return ANYWHERE
        together = NOWHERE
        for ranges in restricted:
            together |= ranges
        return together


class AccessTables:
    """The service of the tables. Needs Storage Table Data Reader on CIPP's storage, or its connection string."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._reading: tuple[float, Future[Known]] | None = None
        self._given_up_until = 0.0
        self._last: Known | None = None

    def read(self, wait_seconds: float = WAIT_SECONDS, seat: Seat = NOT_NEEDED) -> Known:
        """Return what the tables hold, at most `LIFETIME_SECONDS` old. A table that is not there is empty.

        In an account that holds none of the tables that every CIPP has, they are unreachable, not empty.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and none is free.
            NotConfiguredError: No storage is configured, or the account is not CIPP's.
            AzureError: The storage refused, or was silent for so long; then nobody waits for it for a while.
        """
        with self._lock:
            future = self._current()
            given_up = time.monotonic() < self._given_up_until and not future.done()
        if not given_up and not future.done():
            seat.take()
        moment = 0.0 if given_up else time.monotonic() + wait_seconds
        try:
            known = at_once.by(moment, future, what="read CIPP's tables of access")
        except BackendError as error:
            with self._lock:
                if not future.done():
                    self._given_up_until = time.monotonic() + LIFETIME_SECONDS
            logger.warning("CIPP's tables of access are out of reach: %s", error)
            raise
        with self._lock:
            self._last = known
        return known

    @property
    def last(self) -> Known:
        """What the tables said when they were read last, however long ago; nothing before the first time."""
        return self._last or Known()

    @property
    def was_read(self) -> bool:
        """Whether they were ever read, so that there is something to go on with where they are silent."""
        return self._last is not None

    def _current(self) -> "Future[Known]":
        """Return the read under way or the one that is still valid, or begin one.

        A read that is older than the deadline of one call is given up: on a lost connection it may never return.
        """
        now = time.monotonic()
        if self._reading is None or now - self._reading[0] > self._lifetime(self._reading[1]):
            self._reading = (now, at_once.start(self._read, name="read the tables of access"))
        return self._reading[1]

    def _lifetime(self, reading: "Future[Known]") -> float:
        """Return for how many seconds since its beginning a read counts."""
        return LIFETIME_SECONDS if reading.done() else self._clients.limits.azure_deadline_seconds

    def _read(self) -> Known:
        """Read the four tables concurrently, and check beside it whether they are CIPP's."""
        tables = self._clients.tables()
        if tables is None:
            raise NotConfiguredError("No storage is configured: set CIPP_STORAGE to the one of CIPP.")
        checking = at_once.start(self._clients.cipp_tables, name="check the storage account")
        started = [at_once.start(partial(self._rows, tables, table), name=table) for table in TABLES]
        checking.result()
        roles, clients, groups, ranges = (one.result() for one in started)
        return known_of(roles, clients, groups, ranges)

    def _rows(self, tables: "TableServiceClient", table: str) -> list[Row]:
        try:
            with while_trying_to(f"read CIPP's table {table}"):
                return [dict(row) for row in tables.get_table_client(table).list_entities()]
        except NotFoundError:
            return []


def known_of(roles: Iterable[Row], clients: Iterable[Row], groups: Iterable[Row], ranges: Iterable[Row]) -> Known:
    """Read the rows. Pure. What cannot be read gives nobody anything."""
    custom = {role.name: role for role in map(_custom_role, roles) if role.name not in (*BASE, *PLATFORM)}
    by_group: dict[str, set[str]] = {}
    for row in groups:
        group, role = _text(row, "GroupId").lower(), _text(row, "RowKey").lower()
        if is_guid(group) and (role in BASE or role in custom):
            by_group.setdefault(group, set()).add(role)
    listed = {_text(row, "RowKey").lower(): _restriction(row.get("IPRanges", row.get("IPRange"))) for row in ranges}
    return Known(
        custom_roles=custom,
        clients={client.app_id: client for client in map(_client, clients) if is_guid(client.app_id)},
        groups={group: frozenset(names) for group, names in by_group.items()},
        ranges={role: found for role, found in listed.items() if found is not ANYWHERE},
    )


def _custom_role(row: Row) -> CustomRole:
    include, exclude = _permissions(row)
    allowed = _tenants(row.get("AllowedTenants"))
    return CustomRole(
        name=_text(row, "RowKey").lower(),
        include=include,
        exclude=exclude,
        allowed_tenants=tuple(tenant for tenant in allowed if tenant),
        blocked_tenants=_all_or_none(_tenants(row.get("BlockedTenants"))),
        blocked_endpoints=_all_or_none(_names(row.get("BlockedEndpoints"))),
    )


def _permissions(row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read what a role includes and excludes: by rules with wildcards, else by its list of permissions."""
    rules = _json(row.get("PermissionRules"))
    if rules is not None and not isinstance(rules, dict):
        return (), ()
    if rules and rules.get("Include"):
        exclude = _all_or_none(_listed(rules.get("Exclude"), _name))
        return ((), ()) if exclude is None else (tuple(filter(None, _listed(rules["Include"], _name))), exclude)
    stored = _json(row.get("Permissions"))
    values = stored.values() if isinstance(stored, dict) else ()
    # The list has names, not patterns: what has a wildcard in it is none.
    return tuple(text.lower() for text in values if isinstance(text, str) and set("*?[").isdisjoint(text)), ()


def _client(row: Row) -> ApiClient:
    return ApiClient(
        app_id=_text(row, "RowKey").lower(),
        name=_text(row, "AppName"),
        role=_text(row, "Role").lower(),
        enabled=str(row.get("Enabled", "")).lower() == "true",
        ranges=_restriction(row.get("IPRange", row.get("IPRanges"))),
    )


def _restriction(stored: object) -> Ranges:
    """Read ranges; where none were ever set there is no restriction, where they cannot be read nobody gets in."""
    names = _names(stored)
    return ranges_of(filter(None, names)) if names else ANYWHERE


_UNREADABLE: Final = object()
Names = tuple[str | None, ...]  # None for an entry that cannot be read


def _json(stored: object) -> Any:  # noqa: ANN401 - what JSON may hold
    """Read what CIPP stores as JSON; None where it is blank or null."""
    if not isinstance(stored, str):
        return None if stored is None else _UNREADABLE
    try:
        return json.loads(stored) if stored.strip() else None
    except (ValueError, RecursionError):
        return _UNREADABLE


def _names(stored: object) -> Names:
    """Read a list of names, or of objects whose `value` is one, in lower case."""
    return _listed(_json(stored), _name)


def _tenants(stored: object) -> Names:
    """Read tenants: AllTenants, or ids. A group of tenants or a domain cannot be read: who is in it is not known."""
    return _listed(_json(stored), _tenant)


def _listed(value: object, read: Callable[[object], str | None]) -> Names:
    """Read the entries of a list; CIPP stores a list of one as that one alone. Blank entries are none."""
    if value is None:
        return ()
    names = [read(entry) for entry in (value if isinstance(value, list) else [value])]
    return tuple(name for name in names if name != "")


def _all_or_none(names: Names) -> tuple[str, ...] | None:
    """Answer the names; None where one of them cannot be read."""
    readable = tuple(name for name in names if name is not None)
    return readable if len(readable) == len(names) else None


def _name(entry: object) -> str | None:
    value = entry.get("value") if isinstance(entry, dict) else entry
    return value.strip().lower() if isinstance(value, str) else None


def _tenant(entry: object) -> str | None:
    if isinstance(entry, dict):
        if str(entry.get("type", "")).lower() == "group":
            return None
        fields = entry.get("addedFields")
        entry = (fields.get("customerId") if isinstance(fields, dict) else None) or entry.get("value")
    name = _name(entry)
    return name if name is None or name in ("", ALL_TENANTS) or is_guid(name) else None


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""
