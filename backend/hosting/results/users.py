"""CIPP's users in any shape, and the results of writes to them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from backend.values import Act, Value


class UserRole(Value, frozen=True):
    """One role of a user, and where it comes from. `exists` is null if CIPP's custom roles are unknown.

    `groups` are the Entra groups that give the role by CIPP's sync. `by_sync` is also true if none is known any more.
    """

    role: str
    manual: bool
    by_sync: bool = False
    groups: list[str] = []  # noqa: RUF012 - msgspec copies the default
    exists: bool | None = None


class BackendUser(Value, frozen=True):
    """One user of CIPP. `user` is what the write operations take, with `provider` if it is not null.

    `source` is CIPP's own word for where the roles come from: `Manual`, `Auto`, `Both`. Only a container has it.
    `display_name` is a name of the static web app, which several users can have.
    """

    user: str
    roles: list[UserRole]
    is_last_superadmin: bool
    display_name: str | None = None
    provider: str | None = None
    user_id: str | None = None
    source: str | None = None
    last_sync: datetime | None = None
    problems: list[str] = []  # noqa: RUF012 - msgspec copies the default


class AvailableRole(Value, frozen=True):
    """A role that can be assigned. A custom role is in CIPP's table."""

    role: str
    is_custom: bool


class GroupRole(Value, frozen=True):
    """An Entra group whose members CIPP gives a role."""

    group: str
    group_id: str
    role: str


class OverwrittenChange(Value, frozen=True):
    """A change of this app that something else has changed since. `roles` and `present` are null for no row.

    `by_sync`: it happened so soon afterwards that CIPP's sync, which ignores other writers, is the likely cause.
    """

    user: str
    time: datetime
    roles: list[str] | None
    present: list[str] | None
    by_sync: bool
    text: str


class BackendUsers(Value, frozen=True):
    """CIPP's users, wherever its shape keeps them.

    - `address` is the address that a new user opens.
    - `effective_within_minutes` is when a change is effective in CIPP, null if that is unknown.
    - `seats_used` and `seats` are null if the shape has no seats.
    """

    users: list[BackendUser]
    available_roles: list[AvailableRole]
    groups: list[GroupRole] = []  # noqa: RUF012 - msgspec copies the default
    overwritten: list[OverwrittenChange] = []  # noqa: RUF012 - msgspec copies the default
    address: str | None = None
    effective_within_minutes: int | None = None
    seats_used: int | None = None
    seats: int | None = None
    notes: list[str] = []  # noqa: RUF012 - msgspec copies the default


class UserWanted(msgspec.Struct, frozen=True):
    """The roles that a user is to have. `provider`, `hours` and `domain` are for an invitation by a static web app."""

    user: str
    roles: Sequence[str]
    provider: str | None = None
    hours: int = 24
    domain: str | None = None


class Author(msgspec.Struct, frozen=True):
    """The caller who changes a user: the name in their token, and their object ID, "" if they have none."""

    name: str = ""
    object_id: str = ""


class BackendUserAct(Act, frozen=True, kw_only=True):
    """A change of a user. A new user of a container opens `address`.

    An unknown user of a static web app gets `invitation_url`, which only this response contains. Anyone who has it can
    take the roles.
    """

    user: str
    is_new: bool = False
    address: str | None = None
    effective_within_minutes: int | None = None
    invitation_url: str | None = None
    expires_on: datetime | None = None
