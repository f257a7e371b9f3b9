"""Rows of CIPP's table `allowedUsers`, one user with all rows of the same name. Pure.

| column | content |
| --- | --- |
| PartitionKey, RowKey | `User`, and the user principal name in lower case |
| Roles | the roles that count: those of both other columns, as a JSON array |
| ManualRoles | the roles that a person assigned, as a JSON array |
| AutoRoles | the roles by Entra groups, which only CIPP's sync writes, as a JSON array |
| Source | `Manual`, `Auto`, or `Both` |
| LastSync | when CIPP's sync last wrote the row |

This is from CIPP's public source, and was never read from a real CIPP.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from backend.access.allowed_users import folded, listed_in
from backend.azure.sdk_json import row_of
from backend.readings import text_of, text_or_none, time_or_none

PARTITION: Final = "User"
SUPERADMIN: Final = "superadmin"
ROLES, MANUAL, AUTO, SOURCE, LAST_SYNC = "Roles", "ManualRoles", "AutoRoles", "Source", "LastSync"
_INTERNAL: Final = "_"
_OF_THE_STORAGE: Final = ("PartitionKey", "RowKey", "Timestamp")


@dataclass(frozen=True)
class UserRow:
    """One row. `columns` are those that CIPP or an admin wrote. `etag` is "" if the storage did not send it."""

    partition: str
    key: str
    columns: Mapping[str, object]
    etag: str = ""
    changed: datetime | None = None

    @property
    def is_canonical(self) -> bool:
        """Whether the row has the keys that CIPP itself writes."""
        return self.partition == PARTITION and self.key == folded(self.key)

    def names_in(self, column: str) -> tuple[str, ...] | None:
        """Return the names in a JSON array, () without the column, and None if the value is something else."""
        return _names(self.columns.get(column))

    @property
    def manual(self) -> tuple[str, ...]:
        """The roles that a person assigned. A row without the column has only those that count, unless it is `Auto`."""
        if MANUAL in self.columns:
            return self.names_in(MANUAL) or ()
        if text_of(self.columns.get(SOURCE)).lower() == "auto":
            return ()
        auto = self.names_in(AUTO) or ()
        return tuple(role for role in self.names_in(ROLES) or () if role not in auto)

    @property
    def auto(self) -> tuple[str, ...]:
        """The roles by Entra groups."""
        return self.names_in(AUTO) or ()

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The columns with roles that are not JSON arrays of texts."""
        return tuple(name for name in (ROLES, MANUAL, AUTO) if self.names_in(name) is None)


@dataclass(frozen=True)
class ListedUser:
    """A user with all their rows, of which CIPP adds the roles. `name` is in lower case."""

    name: str
    rows: tuple[UserRow, ...] = ()

    @property
    def canonical(self) -> UserRow | None:
        """The row that CIPP itself writes, None if it does not exist."""
        return next((row for row in self.rows if row.is_canonical), None)

    @property
    def others(self) -> tuple[UserRow, ...]:
        """The rows with another spelling of the name, or in another partition."""
        return tuple(row for row in self.rows if not row.is_canonical)

    @property
    def effective(self) -> tuple[str, ...]:
        """The roles that CIPP counts: its host reads only the column Roles, and a text that isn't JSON is a role."""
        listed = listed_in({"RowKey": row.key, ROLES: row.columns.get(ROLES)} for row in self.rows)
        return tuple(role for roles in listed.values() for role in roles)

    @property
    def manual(self) -> tuple[str, ...]:
        """The roles that a person assigned, in any row."""
        return _union(row.manual for row in self.rows)

    @property
    def auto(self) -> tuple[str, ...]:
        """The roles by Entra groups, in any row."""
        return _union(row.auto for row in self.rows)

    @property
    def source(self) -> str:
        """The source as the row has it, "" if that is unknown."""
        row = self.canonical or next(iter(self.rows), None)
        return text_of(row.columns.get(SOURCE)) if row else ""

    @property
    def last_sync(self) -> datetime | None:
        """When CIPP's sync last wrote the user."""
        return max(filter(None, (time_or_none(row.columns.get(LAST_SYNC)) for row in self.rows)), default=None)

    @property
    def changed(self) -> datetime | None:
        """When one of the rows was last written, by the storage."""
        return max(filter(None, (row.changed for row in self.rows)), default=None)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The columns that are not JSON arrays of texts, in any row."""
        return _union(row.unreadable for row in self.rows)

    @property
    def may_be_superadmin(self) -> bool:
        """Whether the user is superadmin by any reading of any row."""
        unread = (str(row.columns.get(name)) for row in self.rows for name in row.unreadable)
        return SUPERADMIN in (*self.effective, *self.manual) or any(SUPERADMIN in text.lower() for text in unread)

    @property
    def is_manual_superadmin(self) -> bool:
        """Whether CIPP certainly counts the user as a superadmin whom a person made one: its sync never changes that.

        Names are case-sensitive, and the column ManualRoles must exist.
        """
        row = self.canonical
        return row is not None and all(SUPERADMIN in (row.names_in(name) or ()) for name in (ROLES, MANUAL))


@dataclass(frozen=True)
class Content:
    """The roles of a user in the columns of CIPP's format."""

    manual: tuple[str, ...]
    auto: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """The columns as CIPP's own writer has them. Others stay."""
        return {
            ROLES: _json((*self.manual, *self.auto)),
            MANUAL: _json(self.manual),
            AUTO: _json(self.auto),
            SOURCE: "Both" if self.auto else "Manual",
        }

    def is_in(self, row: UserRow) -> bool:
        """Return whether a row has this content, in any order."""
        wanted = {ROLES: {*self.manual, *self.auto}, MANUAL: {*self.manual}, AUTO: {*self.auto}}
        is_same = all(
            row.names_in(name) is not None and {*(row.names_in(name) or ())} == wanted[name] for name in wanted
        )
        return is_same and MANUAL in row.columns and row.columns.get(SOURCE) == self.columns[SOURCE]


@dataclass(frozen=True)
class UserTable:
    """The users by their names in lower case."""

    users: Mapping[str, ListedUser] = field(default_factory=dict)

    def user(self, name: str) -> ListedUser:
        """Return a user, without rows if the table does not list them."""
        return self.users.get(folded(name), ListedUser(folded(name)))

    def superadmins_besides(self, name: str) -> list[str]:
        """Return the other users who certainly stay superadmin whatever CIPP's sync does."""
        return [
            other.name for other in self.users.values() if other.name != folded(name) and other.is_manual_superadmin
        ]


def table_of(entries: Iterable[Mapping[str, Any]]) -> UserTable:
    """Return the users in the rows as the storage sends them. Rows that begin with `_` are CIPP's own."""
    rows: dict[str, list[UserRow]] = {}
    for entry in entries:
        row = _row(entry)
        if not row.key.startswith(_INTERNAL):
            rows.setdefault(folded(row.key), []).append(row)
    return UserTable({name: ListedUser(name, tuple(found)) for name, found in rows.items()})


def _row(entry: Mapping[str, Any]) -> UserRow:
    read = row_of(entry)
    return UserRow(
        partition=text_of(read.get("PartitionKey")),
        key=text_of(read.get("RowKey")),
        columns={name: value for name, value in read.items() if name not in _OF_THE_STORAGE},
        etag=text_or_none(entry.get("odata.etag")) or "",
        changed=time_or_none(read.get("Timestamp")),
    )


def _names(stored: object) -> tuple[str, ...] | None:
    if stored is None:
        return ()
    try:
        names = json.loads(stored) if isinstance(stored, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(dict.fromkeys(names))


def _json(names: Iterable[str]) -> str:
    return json.dumps(sorted(set(names), key=lambda name: (name.lower(), name)), separators=(",", ":"))


def _union(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))
