"""What a change of a user does to the rows of CIPP's table, and when it is refused. Pure.

CIPP's own page has the same rules. They apply here, too, because the loss of the last superadmin can't be undone.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backend.access.allowed_users import TABLE, folded
from backend.access.roles import BASE, PLATFORM
from backend.access.users.rows import SUPERADMIN, Content, ListedUser, UserRow, UserTable
from backend.errors import ConflictError, InvalidInputError, NotFoundError
from backend.text.quoting import is_like_a_key, quoted

MOST_ROLES: Final = 50
# A user principal name in Microsoft Entra ID. A guest's own name has a #, which no row key can have. CIPP skips a key
# that begins with an underscore.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME: Final = rf"[A-Za-z0-9'.+!^~-][A-Za-z0-9'._+!^~-]{{0,63}}@(?:{_LABEL}\.)+{_LABEL}"
_LONGEST_NAME: Final = 113  # of a user principal name
_LIST: Final = "ListBackendUsers lists the users."


@dataclass(frozen=True)
class Change:
    """The roles that a user is to have, as a person assigns them, or None to remove the user.

    - `by`: the names of the caller, who can't lose their own access. Empty for a timer.
    - `force`: whether values that CIPP can't read may be replaced.
    """

    user: str
    roles: tuple[str, ...] | None
    by: frozenset[str] = frozenset()
    force: bool = False


@dataclass(frozen=True)
class Create:
    """Create the row of the user, with the other columns of a row with another spelling, if there is one."""

    key: str
    columns: Mapping[str, str]
    copied_from: tuple[UserRow, ...] = ()


@dataclass(frozen=True)
class Merge:
    """Set the columns of the row, and copy those that only rows with another spelling have. All others stay."""

    row: UserRow
    columns: Mapping[str, str]
    copied_from: tuple[UserRow, ...] = ()


@dataclass(frozen=True)
class Delete:
    """Delete a row."""

    row: UserRow


Step = Create | Merge | Delete


def is_reached(table: UserTable, change: Change) -> bool:
    """Return whether the table has what a change wants."""
    user = table.user(change.user)
    if change.roles is None:
        return not user.rows
    row = user.canonical
    return row is not None and not user.others and Content(change.roles, user.auto).is_in(row)


def steps_of(table: UserTable, change: Change) -> tuple[Step, ...]:
    """Return the steps of a change, none if the table has it already. The new row is stored before others are removed.

    Raises:
        NotFoundError: The user to remove does not exist.
        InvalidInputError: A new user's name is not a user principal name.
        ConflictError: A superadmin would lose the role who must keep it, or a value can't be read.
    """
    user = table.user(change.user)
    if not user.rows and change.roles is None:
        raise NotFoundError(f"The user {quoted(change.user)} does not exist in CIPP's table {TABLE}.", advice=_LIST)
    if is_reached(table, change):
        return ()
    if not user.rows:
        check_name(change.user)
    _refuse_own_loss(user, change)
    _refuse_the_last(table, user, change)
    if user.unreadable and not change.force:
        raise ConflictError(
            f"{' and '.join(user.unreadable)} of '{user.name}' can't be read as lists of roles, and would be replaced.",
            advice="Look at the row in CIPP's table, or send Force.",
        )
    return _steps(user, change)


def check_name(name: str) -> None:
    """Check the user principal name of a new user.

    Raises:
        InvalidInputError: It is not valid, or the name of a guest.
    """
    if "#" in name:
        raise InvalidInputError(
            "User must not have a #: CIPP can't list a guest by that name.",
            field="User",
            advice="Use an account of the partner's tenant, or a group that has a role in CIPP.",
        )
    if len(name) > _LONGEST_NAME or not re.fullmatch(_NAME, name) or is_like_a_key(name):
        raise InvalidInputError(
            "User must be a user principal name such as alex@contoso.com. It must not be a key or a token.",
            field="User",
        )


def check_roles(roles: Sequence[str], custom: Collection[str] | None) -> tuple[str, ...]:
    """Return the roles without duplicates. `custom` are the names of CIPP's custom roles, None if they are unknown.

    Raises:
        InvalidInputError: The list is empty, a role does not exist, or superadmin is not alone.
    """
    checked = tuple(dict.fromkeys(role.strip() for role in roles))
    if not 1 <= len(checked) <= MOST_ROLES:
        raise InvalidInputError(
            f"Roles must have 1 to {MOST_ROLES} roles.", field="Roles", advice="ExecBackendUserRemove removes a user."
        )
    known = {*BASE, *PLATFORM, *(custom or ())}
    for role in checked:
        if role not in known:
            raise InvalidInputError(
                f"Invalid role {quoted(role)}: CIPP has no role with exactly this name.",
                field="Roles",
                advice=_similar(role, known) or "ListBackendUsers lists the roles. Names are case-sensitive.",
            )
    if SUPERADMIN in checked and len(checked) > 1:
        raise InvalidInputError(
            "superadmin must be the only role, because it makes all others void.",
            field="Roles",
            advice="Send superadmin alone, or leave it out.",
        )
    return checked


def _similar(role: str, known: Collection[str]) -> str:
    found = sorted(name for name in known if name.lower() == role.lower())
    return f"Send {found[0]}: names are case-sensitive." if found else ""


def _refuse_own_loss(user: ListedUser, change: Change) -> None:
    """Refuse what takes the caller's own access. Without a row, it is by groups, which a new row would hide."""
    if user.name not in {folded(name) for name in change.by}:
        return
    if change.roles is None:
        raise ConflictError("You can't remove yourself.", advice="Let another superadmin do it.")
    if (user.may_be_superadmin or not user.rows) and SUPERADMIN not in change.roles:
        raise ConflictError(
            "You can't take superadmin from yourself, because you could not return it.",
            advice="Let another superadmin do it.",
        )


def _refuse_the_last(table: UserTable, user: ListedUser, change: Change) -> None:
    if loses_superadmin(user, change) and not table.superadmins_besides(user.name):
        raise ConflictError(
            f"'{user.name}' is the last superadmin whom a person assigned. Roles by Entra groups don't count.",
            advice="Make another user superadmin first.",
        )


def loses_superadmin(user: ListedUser, change: Change) -> bool:
    """Return whether a change may take superadmin from a user."""
    return user.may_be_superadmin and SUPERADMIN not in (change.roles or ())


def _steps(user: ListedUser, change: Change) -> tuple[Step, ...]:
    if change.roles is None:
        return tuple(map(Delete, user.rows))
    columns, row = Content(change.roles, user.auto).columns, user.canonical
    first = Merge(row, columns, user.others) if row else Create(user.name, columns, user.others)
    return (first, *map(Delete, user.others))


def describe(user: ListedUser, change: Change) -> str:
    """Return a change as a verb phrase, such as `give 'alex@contoso.com' the roles editor instead of admin`."""
    shown = user.name if user.rows else folded(change.user)
    if change.roles is None:
        return f"remove '{shown}' ({', '.join(user.effective) or 'no role'}) from CIPP's table {TABLE}"
    roles = ", ".join(change.roles)
    if not user.rows:
        return f"add '{shown}' to CIPP's table {TABLE} with the roles {roles}"
    before = ", ".join(user.manual) or "none"
    return f"give '{shown}' the roles {roles} instead of {before}"
