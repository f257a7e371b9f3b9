"""CIPP's access tables: custom roles, API clients, the groups and the addresses of roles. This app never writes them.

The app reads whole tables and compares locally, so input of a caller never becomes part of a filter.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from backend.access.roles import ALL_TENANTS, BASE, PLATFORM, CustomRole
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import Operation, rows
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat, SeatsTakenError
from backend.configuration.address_ranges import ANYWHERE, NOWHERE, Ranges, ranges_of
from backend.errors import BackendError, NotConfiguredError, NotFoundError, UnreadableResponseError
from backend.formats import is_guid

logger = logging.getLogger("cipp.access")
RANGES: Final = "AccessIPRanges"
TABLES: Final = ("CustomRoles", "ApiClients", "AccessRoleGroups", RANGES)
LIFETIME_SECONDS: Final = 5.0  # how long a removed role still counts
WAIT_SECONDS: Final = 6.0  # if a decision needs the tables, or the address ranges were never read
SHORT_WAIT_SECONDS: Final = 2.5  # if a base role also works without the tables. The first read also loads the SDK
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ApiClient:
    """An API client in CIPP. `role` is a name in lower case, or ""."""

    app_id: str
    name: str
    role: str
    enabled: bool
    ranges: Ranges


@dataclass(frozen=True)
class AccessRules:
    """The content of the tables. All names and IDs are in lower case."""

    custom_roles: Mapping[str, CustomRole] = field(default_factory=dict)
    clients: Mapping[str, ApiClient] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)  # roles by group ID
    ranges: Mapping[str, Ranges] = field(default_factory=dict)  # by role. Other roles are not restricted
    restricts_all: bool = False  # the role in a row of ranges is unreadable, so any role might be restricted

    def roles_of(self, groups: Iterable[str]) -> list[str]:
        """Return the sorted roles of members of these groups, which are IDs in lower case."""
        return sorted({role for group in groups for role in self.groups.get(group, ())})

    def ranges_of(self, roles: Iterable[str]) -> Ranges:
        """Return the combined address ranges of the roles. Superadmin is never restricted."""
        names = list(roles)
        restricted = [self.ranges[name] for name in names if name in self.ranges]
        if "superadmin" in names or not (restricted or self.restricts_all):
            return ANYWHERE
        if self.restricts_all:
            return NOWHERE
        together = NOWHERE
        for ranges in restricted:
            together |= ranges
        return together


class AccessTables:
    """The service for the tables. Requires Storage Table Data Reader on CIPP's storage, or its connection string."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._rules = Cached(
            self._read,
            action="read CIPP's access tables",
            lifetime=LIFETIME_SECONDS,
            from_start=True,
            failure_seconds=LIFETIME_SECONDS,
            backoff_seconds=LIFETIME_SECONDS,
            # On a lost connection a read may never return.
            abandoned_seconds=clients.limits.azure_deadline_seconds,
            survives_writes="this app only reads these tables",
        )

    def read(
        self, wait_seconds: float = WAIT_SECONDS, seat: Seat = NOT_NEEDED, *, is_fresh: bool = False
    ) -> AccessRules:
        """Return the content of the tables, at most `LIFETIME_SECONDS` old. A missing table counts as empty.

        With `is_fresh`, a new call reads them, without a seat. In an account without any table that every CIPP has, the
        tables are unreachable, not empty.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            AzureError: The storage refused or timed out. After a timeout, callers don't wait for a while.
        """
        try:
            deadline = Deadline.after(wait_seconds)
            return self._rules.reload(deadline) if is_fresh else self._rules.get(deadline, seat=seat)
        except SeatsTakenError:
            raise
        except BackendError as error:
            logger.warning("CIPP's access tables are unreachable: %s", error)
            raise

    @property
    def last(self) -> AccessRules:
        """The content of the tables in the last read, even if it is old. Empty before the first read."""
        return self._rules.peek() or AccessRules()

    @property
    def was_read(self) -> bool:
        """Whether they were ever read, so that old content is available if they are unreachable."""
        return self._rules.peek() is not None

    def _read(self) -> AccessRules:
        """Read the four tables concurrently, and check at the same time whether they are CIPP's."""
        tables = self._clients.tables()
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        checking = background.start(self._clients.cipp_tables, name="check the storage account")
        started = [
            background.start(partial(_rows, tables.get_table_client(table).list_entities, table), name=table)
            for table in TABLES
        ]
        checking.result()
        roles, clients, groups, ranges = (one.result() for one in started)
        return access_rules_of(roles, clients, groups, ranges)


def _rows(operation: Operation, table: str) -> Sequence[Row]:
    try:
        with while_trying_to(f"read CIPP's table {table}"):
            try:
                found = rows(operation, keeps_odd=table == RANGES)
            except UnreadableResponseError:
                logger.warning("CIPP's table %s can't be read: it does not have its documented form.", table)
                return [{}] if table == RANGES else []  # a row of ranges without a role restricts all roles
        return [{name: _UNREADABLE if value is None else value for name, value in row.items()} for row in found]
    except NotFoundError:
        return []


def access_rules_of(
    roles: Iterable[Row], clients: Iterable[Row], groups: Iterable[Row], ranges: Iterable[Row]
) -> AccessRules:
    """Return the content of the rows. An unreadable row does not allow anything. Pure."""
    custom = {role.name: role for role in map(_custom_role, roles) if role.name not in (*BASE, *PLATFORM)}
    by_group: dict[str, set[str]] = {}
    for row in groups:
        group, role = _text(row, "GroupId").lower(), _text(row, "RowKey").lower()
        if is_guid(group) and (role in BASE or role in custom):
            by_group.setdefault(group, set()).add(role)
    listed: dict[str, Ranges] = {}
    for row in ranges:
        role = _text(row, "RowKey").lower()
        listed[role] = _restriction(row.get("IPRanges", row.get("IPRange")))
    return AccessRules(
        custom_roles=custom,
        clients={client.app_id: client for client in map(_client, clients) if is_guid(client.app_id)},
        groups={group: frozenset(names) for group, names in by_group.items()},
        ranges={role: found for role, found in listed.items() if found is not ANYWHERE},
        restricts_all="" in listed,
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
    """Return what a role includes and excludes: by rules with wildcards, otherwise by its list of permissions."""
    rules = _json(row.get("PermissionRules"))
    if rules is not None and not isinstance(rules, dict):
        return (), ()
    if rules and rules.get("Include"):
        exclude = _all_or_none(_listed(rules.get("Exclude"), _name))
        return ((), ()) if exclude is None else (tuple(filter(None, _listed(rules["Include"], _name))), exclude)
    stored = _json(row.get("Permissions"))
    values = stored.values() if isinstance(stored, dict) else ()
    # The list has names, not patterns, so an entry with a wildcard is not valid.
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
    """Return stored ranges. Without any, access is not restricted. Unreadable ones allow no address."""
    names = _names(stored)
    return ranges_of(filter(None, names)) if names else ANYWHERE


_UNREADABLE: Final = object()
Names = tuple[str | None, ...]  # None for an unreadable entry


def _json(stored: object) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that CIPP stores as JSON, or None if it is blank or null."""
    if not isinstance(stored, str):
        return None if stored is None else _UNREADABLE
    try:
        return json.loads(stored) if stored.strip() else None
    except (ValueError, RecursionError):
        return _UNREADABLE


def _names(stored: object) -> Names:
    """Return a list of names, or of objects with a name in `value`, in lower case."""
    return _listed(_json(stored), _name)


def _tenants(stored: object) -> Names:
    """Return tenants: AllTenants, or IDs. A tenant group or a domain is unreadable, because its tenants are unknown."""
    return _listed(_json(stored), _tenant)


def _listed(value: object, read: Callable[[object], str | None]) -> Names:
    """Return the entries of a list without blank ones. CIPP stores a list with one entry as the entry itself."""
    if value is None:
        return ()
    names = [read(entry) for entry in (value if isinstance(value, list) else [value])]
    return tuple(name for name in names if name != "")


def _all_or_none(names: Names) -> tuple[str, ...] | None:
    """Return the names, or None if one of them is unreadable."""
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
