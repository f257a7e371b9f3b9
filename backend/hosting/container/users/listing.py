"""The users of a container CIPP as a list: their roles with sources, and the problems of their rows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.access.roles import BASE, PLATFORM
from backend.access.users.rows import MANUAL, SUPERADMIN, ListedUser, UserTable
from backend.formats import is_guid
from backend.hosting.results.users import AvailableRole, BackendUser, GroupRole, UserRole
from backend.readings import text_of


def users_of(table: UserTable, custom: Sequence[str] | None, groups: Sequence[GroupRole]) -> list[BackendUser]:
    """Return the users by name. `custom` are the exact names of CIPP's custom roles, None if they are unknown."""
    users = sorted(table.users.values(), key=lambda user: user.name)
    return [_user(user, table, custom, groups) for user in users]


def available(custom: Sequence[str] | None) -> list[AvailableRole]:
    """Return the roles that can be assigned, CIPP's own first."""
    own = [AvailableRole(role=name, is_custom=False) for name in BASE]
    return [*own, *(AvailableRole(role=name, is_custom=True) for name in custom or () if name not in BASE)]


def group_roles(rows: Iterable[Mapping[str, Any]]) -> list[GroupRole]:
    """Return the groups in rows of CIPP's table AccessRoleGroups. A group without a name is shown by its ID."""
    found = ((text_of(row.get("RowKey")), text_of(row.get("GroupId")), text_of(row.get("GroupName"))) for row in rows)
    return sorted(
        (GroupRole(group=name or group, group_id=group, role=role) for role, group, name in found if is_guid(group)),
        key=lambda one: (one.role, one.group),
    )


def _user(user: ListedUser, table: UserTable, custom: Sequence[str] | None, groups: Sequence[GroupRole]) -> BackendUser:
    roles = [role for role in dict.fromkeys((*user.effective, *user.manual, *user.auto)) if role not in PLATFORM]
    is_last = user.may_be_superadmin and not table.superadmins_besides(user.name)
    return BackendUser(
        user=user.name,
        roles=[_role(role, user, custom, groups) for role in sorted(roles, key=str.lower)],
        is_last_superadmin=is_last,
        source=user.source or None,
        last_sync=user.last_sync,
        problems=problems_of(user, custom),
    )


def _role(role: str, user: ListedUser, custom: Sequence[str] | None, groups: Sequence[GroupRole]) -> UserRole:
    by_sync = role in user.auto
    return UserRole(
        role=role,
        manual=role in user.manual,
        by_sync=by_sync,
        groups=[one.group for one in groups if by_sync and one.role.lower() == role.lower()],
        exists=True if role in BASE else None if custom is None else role in custom,
    )


def problems_of(user: ListedUser, custom: Sequence[str] | None) -> list[str]:
    """Return what is wrong with a user's rows, each with what to do."""
    known = {*BASE, *PLATFORM, *(custom or ())}
    problems = [
        f"{column} can't be read as a list of roles. Set the roles again with Force." for column in user.unreadable
    ]
    if custom is not None:
        problems += [_unknown(role, known) for role in user.effective if role not in known]
    if SUPERADMIN in user.effective and len({*user.effective} - {*PLATFORM}) > 1:
        problems.append("superadmin makes all other roles void. Set superadmin alone, or leave it out.")
    if user.others:
        keys = ", ".join(f"{row.partition}/{row.key}" for row in user.others)
        problems.append(f"CIPP has the user in other rows, too: {keys}. Set the roles again, which merges them.")
    if _is_stale(user):
        problems.append("The roles that count differ from those that are assigned. Set the roles again.")
    return problems


def _unknown(role: str, known: Iterable[str]) -> str:
    similar = [name for name in known if name.lower() == role.lower()]
    hint = f"Names are case-sensitive: set {similar[0]}." if similar else "Set other roles, or create it in CIPP."
    return f"CIPP has no role with the exact name '{role}', so it gives nothing. {hint}"


def _is_stale(user: ListedUser) -> bool:
    row = user.canonical
    if row is None or user.unreadable or MANUAL not in row.columns:
        return False
    return {*user.effective} - {*PLATFORM} != {*user.manual, *user.auto} - {*PLATFORM}
