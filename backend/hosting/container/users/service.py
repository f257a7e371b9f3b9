"""The users of a container CIPP: rows of its table allowedUsers, which its own page and its sync write, too."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.access.allowed_users import TABLE, folded
from backend.access.entra_users import EntraUsers
from backend.access.roles_in_cipp import allows_others, setting_that_moves
from backend.access.users.rows import UserTable
from backend.access.users.writer import AllowedUsersWriter, SettingsRead, Written
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.concurrency import background
from backend.errors import BackendError, NotFoundError
from backend.formats import is_guid
from backend.hosting.container.users.address import users_address
from backend.hosting.container.users.listing import available, group_roles, users_of
from backend.hosting.container.users.user_memory import UserMemory, overwritten
from backend.hosting.results.users import Author, BackendUserAct, BackendUsers, GroupRole, UserWanted
from backend.readings import text_of

if TYPE_CHECKING:
    from backend.hosting.hosting import Core

logger = logging.getLogger("cipp.backend")
EFFECT_MINUTES: Final = 5  # CIPP's host keeps a copy of the table for so long, and only CIPP can drop it
GROUPS: Final = "AccessRoleGroups"
_EFFECT: Final = f"It takes effect in CIPP within {EFFECT_MINUTES} minutes."
_NO_TABLE: Final = f"CIPP has no table {TABLE} yet. It creates the table when it is set up."
_NOT_LISTED: Final = (
    "Users who are not listed have roles by their Entra groups. App roles of this app don't count in CIPP."
)
_HIDES: Final = (
    "CIPP takes the roles of a listed user from its table alone. So roles by the user's Entra groups count again only "
    "when CIPP's sync adds them to the row, within about 15 minutes."
)
_CLOSED: Final = "CIPP allows only listed users, because of its setting App__Auth__AllowAllTenantUsers."


class ContainerUsers:
    """The service of the users. Requires Storage Table Data Contributor on CIPP's storage, and CIPP's app settings."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self._settings: SettingsRead = lambda: core.cipp_settings.current().values
        self._writer = AllowedUsersWriter(core.clients, self._settings)
        self._memory = UserMemory(core.clients)
        self._people = EntraUsers(core.sam_graph)

    def users(self) -> BackendUsers:
        """Return the users with their roles, the problems of their rows, and changes of this app that are gone.

        Raises:
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            AzureError: The storage refused or timed out.
        """
        reading: dict[str, Callable[[], Any]] = {
            "custom": self._writer.custom_roles,
            "groups": self._groups,
            "changes": self._memory.changes,
            "settings": self._settings,
            "address": self._address,
        }
        started = {name: background.start(read, name=f"users: {name}") for name, read in reading.items()}
        notes: list[str] = []
        try:
            table = self._writer.read()
        except NotFoundError:
            table, notes = UserTable(), [_NO_TABLE]
        custom: list[str] | None = _or_note(started["custom"].result, notes, "CIPP's custom roles are unknown.")
        groups: list[GroupRole] | None = _or_note(started["groups"].result, notes, "Groups with roles are unknown.")
        settings: Mapping[str, str] | None = _or_note(
            started["settings"].result, notes, "Whether CIPP has its users in another table is unknown."
        )
        notes += _notes_of(settings)
        return BackendUsers(
            users=users_of(table, custom, groups or []),
            available_roles=available(custom),
            groups=groups or [],
            overwritten=overwritten(table, started["changes"].result()),
            address=started["address"].result(),
            effective_within_minutes=EFFECT_MINUTES,
            notes=[_NOT_LISTED, *notes],
        )

    def set_roles(self, wanted: UserWanted, *, by: Author, dry_run: bool, force: bool) -> BackendUserAct:
        """Give a user these roles and no others, or add the user. Raises as `AllowedUsersWriter.set_roles`."""
        written = self._writer.set_roles(wanted.user, wanted.roles, by=self._names_of(by), force=force, dry_run=dry_run)
        if not dry_run:
            self._memory.remember(wanted.user.strip(), written.change.roles)
        address = self._address() if written.is_new else None
        more = [_EFFECT]
        if written.is_new:
            more.append(_HIDES)
            more.append(f"Send the user this address: {address}." if address else "Send the user CIPP's address.")
        return self._act(written, more, address=address, dry_run=dry_run)

    def remove(self, user: str, provider: str | None, *, by: Author, dry_run: bool, force: bool) -> BackendUserAct:
        """Remove a user. Raises as `AllowedUsersWriter.remove`."""
        del provider
        written = self._writer.remove(user, by=self._names_of(by), force=force, dry_run=dry_run)
        if not dry_run:
            self._memory.remember(written.user.name, None)
        more = [_EFFECT, *self._rest_of(written)]
        return self._act(written, more, address=None, dry_run=dry_run)

    def _act(self, written: Written, more: Sequence[str], *, address: str | None, dry_run: bool) -> BackendUserAct:
        if not written.steps:
            done = [f"'{written.user.name}' already has these roles, so nothing was changed."]
        else:
            merged = len(written.user.others)
            also = f" This merges {merged} other rows of the user." if merged else ""
            words = f"{written.words[:1].upper()}{written.words[1:]}" if dry_run else f"Done: {written.words}"
            done = [f"{words}.{also}", *more]
        return BackendUserAct(
            dry_run=dry_run,
            would_do=done if dry_run else [],
            done=[] if dry_run else done,
            user=folded(written.change.user),
            is_new=written.is_new,
            address=address,
            effective_within_minutes=EFFECT_MINUTES,
        )

    def _rest_of(self, written: Written) -> list[str]:
        """Return what a removed user still has, or how they return."""
        if written.user.auto:
            roles = ", ".join(written.user.auto)
            return [f"CIPP's sync adds the user again with {roles}, unless you remove them from the group first."]
        return ["If the user is in a group that has a role, CIPP gives them that role from now on."]

    def _names_of(self, by: Author) -> frozenset[str]:
        """Return the names that the caller may have in the table: that of the token, and that of Microsoft Entra ID.

        While Microsoft Graph can't be read, as with an expired key of CIPP, only that of the token is known. The rule
        of the last superadmin always applies.
        """
        found = {by.name} - {""}
        if is_guid(by.object_id):
            try:
                person = self._people.of(by.object_id)
            except BackendError as error:
                logger.warning("The caller's name in Microsoft Entra ID is unknown: %s", error)
            else:
                found |= {person.name} if person else set()
        return frozenset(found)

    def _groups(self) -> list[GroupRole]:
        return group_roles(self._rows(GROUPS))

    def _rows(self, table: str) -> list[dict[str, Any]]:
        tables = self._core.clients.cipp_tables()
        if tables is None:
            return []
        try:
            with while_trying_to(f"read CIPP's table {table}"):
                return rows(tables.get_table_client(table).list_entities)
        except NotFoundError:
            return []

    def _address(self) -> str | None:
        """Return the address of CIPP, None if it is unknown. It does not raise a `BackendError`."""
        try:
            stored = [row for row in self._rows("Config") if row.get("RowKey") == "CIPPURL"]
        except BackendError as error:
            logger.info("The address that CIPP stores is unknown: %s", error)
            stored = []
        value = text_of(stored[0].get("Value")) if stored else ""
        return users_address(self._core.discovery.main_app.seen().site, value, self._core.clients.cloud.site_suffix)


def _or_note(result: Callable[[], Any], notes: list[str], note: str) -> Any:  # noqa: ANN401 - what the call returns
    """Return the result of a call, or None and add a note with the cause."""
    try:
        return result()
    except BackendError as error:
        notes.append(f"{note} {error}")
        return None


def _notes_of(settings: Mapping[str, str] | None) -> list[str]:
    if settings is None:
        return []
    moved = setting_that_moves(settings)
    note = f"CIPP's setting {moved} moves its users to another table, so the list below does not count."
    return [*([note] if moved else []), *([] if allows_others(settings) else [_CLOSED])]
