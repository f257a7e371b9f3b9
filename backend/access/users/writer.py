"""Changes of users in CIPP's table `allowedUsers`, where CIPP's own page and its sync write, too.

Each row is written by its ETag, and the table is read again until it has what was wanted. So a write of CIPP in
between is never lost, and a response that was lost is recognized. CIPP's sync has no ETag, and can overwrite a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from backend.access.allowed_users import TABLE
from backend.access.roles import BASE, PLATFORM
from backend.access.roles_in_cipp import setting_that_moves
from backend.access.users.changes import (
    Change,
    Create,
    Delete,
    Merge,
    Step,
    check_roles,
    describe,
    is_reached,
    loses_superadmin,
    steps_of,
)
from backend.access.users.rows import PARTITION, Content, ListedUser, UserRow, UserTable, table_of
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import RowChangedError, TableRows
from backend.cipp.owned_lock import OwnedLock
from backend.cipp.row_lock import row_lock
from backend.errors import BackendError, ConflictError, NotConfiguredError, NotFoundError, changed_nothing
from backend.readings import Json, text_of

LOCK: Final = "users of CIPP"
WAIT_SECONDS: Final = 10.0  # for another writer of this app
TRIES: Final = 5  # if CIPP writes the same user in between
CUSTOM_ROLES: Final = "CustomRoles"

SettingsRead = Callable[[], Mapping[str, str]]
"""CIPP's app settings that begin with `App__Auth__`. It raises if they can't be read."""


@dataclass(frozen=True)
class Written:
    """A change of a user. `words` is it as a verb phrase. `is_new`: the table did not list the user before.

    In a dry run, nothing is written. Without `steps`, the table had everything before.
    """

    user: ListedUser
    change: Change
    words: str
    steps: tuple[Step, ...]

    @property
    def is_new(self) -> bool:
        """Whether the user had no row before."""
        return not self.user.rows


class AllowedUsersWriter:
    """The service of the changes. Requires Storage Table Data Contributor on CIPP's storage."""

    def __init__(self, clients: Clients, settings: SettingsRead) -> None:
        self._clients = clients
        self._settings = settings

    def read(self) -> UserTable:
        """Return the users now.

        Raises:
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            NotFoundError: CIPP has not created the table.
            AzureError: The storage refused or timed out.
        """
        with while_trying_to(f"read CIPP's table {TABLE}"):
            return table_of(self._rows().as_sent())

    def custom_roles(self) -> list[str]:
        """Return the exact names of CIPP's custom roles. A missing table has none. Raises as `read`."""
        try:
            with while_trying_to(f"read CIPP's table {CUSTOM_ROLES}"):
                found = self._rows(CUSTOM_ROLES).as_sent()
        except NotFoundError:
            return []
        return sorted(text_of(row.get("RowKey")) for row in found)

    def set_roles(
        self,
        user: str,
        roles: Sequence[str],
        *,
        by: frozenset[str] = frozenset(),
        force: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """Give a user these roles and no others, except those by Entra groups. A user who is not listed is added.

        `by` are the names of the caller. `force` allows to replace values that CIPP can't read.

        Raises:
            InvalidInputError: The name or a role is not valid.
            ConflictError: A superadmin must keep the role, CIPP's settings move the table, or CIPP writes it now.
            NotFoundError: CIPP has not created the table.
            AzureError: The storage refused or timed out. After a timeout, the change might have taken effect.
        """
        plain = {*BASE, *PLATFORM}.issuperset(role.strip() for role in roles)
        checked = check_roles(roles, () if plain else self.custom_roles())
        return self._change(Change(user.strip(), checked, by, force), dry_run=dry_run)

    def remove(
        self, user: str, *, by: frozenset[str] = frozenset(), force: bool = False, dry_run: bool = False
    ) -> Written:
        """Remove all rows of a user. CIPP's sync adds them again while they are in a group with a role.

        Raises:
            NotFoundError: The user, or the table, does not exist.
            ConflictError: As in `set_roles`. The last superadmin and the caller stay.
            AzureError: As in `set_roles`.
        """
        return self._change(Change(user.strip(), None, by, force), dry_run=dry_run)

    def _change(self, change: Change, *, dry_run: bool) -> Written:
        self._must_be_cipps_table()
        if dry_run:
            return _written(self.read(), change)
        # Two concurrent changes could remove the last two superadmins.
        run = uuid4().hex[:12]
        with row_lock(self._clients, LOCK, run_id=run, by="a writer", wait_seconds=WAIT_SECONDS) as lock:
            return self._write(change, lock)

    def _must_be_cipps_table(self) -> None:
        """Raise a `ConflictError` if CIPP's host has its users elsewhere. If that is unknown, raise the cause."""
        if setting := setting_that_moves(self._settings()):
            raise ConflictError(
                f"CIPP's setting {setting} moves its users to another table, so nothing was written.",
                advice="Remove the setting from CIPP, or change the user there.",
            )

    def _write(self, change: Change, lock: OwnedLock) -> Written:
        seen = self.read()
        result = _written(seen, change)
        former = self._whole(result.user) if loses_superadmin(result.user, change) else []
        steps, cause = result.steps, None
        for _ in range(TRIES):
            if not steps:
                break
            lock.must_hold()
            cause = self._take(steps, change, result.words)
            seen = self.read()
            steps = () if is_reached(seen, change) else steps_of(seen, change)
        if steps:
            raise _contended(result.words, cause)
        if former and not seen.superadmins_besides(change.user):
            self._undo(former, result.words, change)
        return result

    def _take(self, steps: Sequence[Step], change: Change, words: str) -> RowChangedError | None:
        """Take the steps until CIPP was faster. Return why they ended, None after all of them."""
        try:
            with while_trying_to(words):
                for step in steps:
                    self._step(step)
        except RowChangedError as error:
            return error
        except BackendError as error:
            if changed_nothing(error) or not self._took_effect(change):
                raise
        return None

    def _took_effect(self, change: Change) -> bool:
        try:
            return is_reached(self.read(), change)
        except BackendError:
            return False

    def _step(self, step: Step) -> None:
        table = self._rows()
        match step:
            case Create(key, columns, copied_from):
                others = self._columns(copied_from, columns)
                table.create({**others, **columns, "PartitionKey": PARTITION, "RowKey": key})
            case Merge(row, columns, copied_from):
                others = self._columns(copied_from, {**row.columns, **columns})
                table.merge({**others, **columns, "PartitionKey": row.partition, "RowKey": row.key}, row.etag)
            case Delete(row):
                table.delete(row.partition, row.key, row.etag)

    def _columns(self, found: Sequence[UserRow], without: Mapping[str, object]) -> Json:
        """Return the columns of rows, with the storage's own types, except some. The first row counts."""
        together: Json = {}
        for row in found:
            whole = self._rows().whole(row.partition, row.key) or {}
            together = {**{name: value for name, value in whole.items() if name not in without}, **together}
        return together

    def _whole(self, user: ListedUser) -> list[Json]:
        with while_trying_to(f"read '{user.name}' in CIPP's table {TABLE}"):
            found = [self._rows().whole(row.partition, row.key) for row in user.rows]
        return [row for row in found if row is not None]

    def _undo(self, former: Sequence[Json], words: str, change: Change) -> None:
        """Write the rows back, because CIPP took superadmin from the last other user at the same time."""
        reason = f"Couldn't {words}: CIPP took superadmin from the last other superadmin at the same time"
        advice = "Look at ListBackendUsers, and make another user superadmin first."
        with while_trying_to(f"undo this change: {words}"):
            is_undone = [self._put_back(row, change) for row in former]
        if not all(is_undone):
            raise ConflictError(f"{reason}, and also changes this row, so this change may remain.", advice=advice)
        raise ConflictError(f"{reason}, so this change was undone.", advice=advice)

    def _put_back(self, former: Json, change: Change) -> bool:
        """Write a row back by the ETag that it has now, and return whether that worked. Others' columns stay."""
        columns, keys = former_columns(former), (former["PartitionKey"], former["RowKey"])
        for _ in range(TRIES):
            user = self.read().user(change.user)
            now = next((row for row in user.rows if (row.partition, row.key) == keys), None)
            try:
                if now is None:
                    self._rows().create(columns)
                else:
                    self._rows().merge(columns, now.etag)
            except RowChangedError:
                continue
            return True
        return False

    def _rows(self, table: str = TABLE) -> TableRows:
        tables = self._clients.cipp_tables()
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        return TableRows(tables.get_table_client(table))


def former_columns(former: Json) -> Json:
    """Return the columns that give a row its former meaning. Pure.

    A merge keeps the columns that the row did not have before. So those have what their absence meant.
    """
    row = UserRow(text_of(former.get("PartitionKey")), text_of(former.get("RowKey")), former)
    return {**Content(row.manual, row.auto).columns, **former}


def _written(table: UserTable, change: Change) -> Written:
    user = table.user(change.user)
    steps = steps_of(table, change)
    return Written(user, change, describe(user, change), steps)


def _contended(words: str, cause: RowChangedError | None) -> BackendError:
    if cause and cause.is_missing:
        return NotFoundError(f"Couldn't {words}: a row disappeared while it was written.", advice="Try again.")
    return ConflictError(
        f"Couldn't {words}: CIPP changes the same user at the same time.", advice="Try again in a minute."
    )
