"""The roles that a container CIPP gives its users, by its table `allowedUsers`.

A container CIPP judges a user whom the table lists by their roles there alone. Only other users have roles by groups.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from backend.access.allowed_users import TABLE, AllowedUsers, folded
from backend.access.entra_users import EntraUsers
from backend.access.partner_tenant import PartnerTenant
from backend.access.principals import User
from backend.concurrency.seats import NOT_NEEDED, Seat, SeatsTakenError
from backend.errors import BackendError
from backend.formats import is_guid

logger = logging.getLogger("cipp.access")
SETTINGS_SECONDS: Final = 300.0  # how old CIPP's app settings may be
# Settings of CIPP's host. A colon in a name is another form of the two underscores.
_TABLE_SETTING: Final = "App__Auth__UserTableName"
_STORAGE_SETTING: Final = "App__Auth__UserStorageConnection"
_OTHERS_SETTING: Final = "App__Auth__AllowAllTenantUsers"

IsContainer = Callable[[], bool | None]
"""Whether CIPP is a container, or None if that is unknown. It does not wait."""
LookAtShape = Callable[[Seat], bool | None]
"""The same. It may wait, with a seat."""
SettingsRead = Callable[[Seat], tuple[float, Mapping[str, str]] | None]
"""The monotonic time at which CIPP's app settings were read, and those that begin with `App__Auth__`, or None."""

# The log has the cause. Any signed-in caller gets these messages.
_UNKNOWN: Final = "Roles from CIPP's users can't be resolved, because"
_APP_ROLE: Final = "If the problem persists, check this app's log, or use an app role."
_SHAPE_UNKNOWN: Final = f"{_UNKNOWN} it is not known yet whether CIPP is a container. Try again shortly. {_APP_ROLE}"
_SETTINGS_UNKNOWN: Final = (
    f"{_UNKNOWN} CIPP's app settings were not read in the last 5 minutes. They can move the table of users. "
    f"Try again shortly. {_APP_ROLE}"
)
_MOVED: Final = (
    "Roles from CIPP's users don't count, because CIPP's setting {} moves their table. Remove the setting from CIPP, "
    "or use an app role."
)
_TENANT_UNKNOWN: Final = f"{_UNKNOWN} TenantID couldn't be read from the vault. Try again shortly. {_APP_ROLE}"
_TABLE_UNREACHABLE: Final = f"{_UNKNOWN} CIPP's table {TABLE} is unreachable. Try again shortly. {_APP_ROLE}"
_GRAPH_UNREACHABLE: Final = (
    f"{_UNKNOWN} Microsoft Graph did not return your account. Try again in a minute. If the problem persists, check "
    "this app's log, and grant CIPP's SAM app User.Read.All or Directory.Read.All, or use an app role."
)
_EXTERNAL: Final = (
    "Roles from CIPP's users don't count for an account from another tenant. Use an app role or an account of the "
    "partner's tenant."
)
_GONE: Final = "The partner's tenant does not have your account any more."
_DISABLED: Final = "Your account is disabled in Microsoft Entra ID."
_NOT_LISTED: Final = (
    f"CIPP allows only users of its table {TABLE}, because its setting {_OTHERS_SETTING} is not true, and the table "
    "does not list you. Add the user in CIPP, or use an app role."
)


@dataclass(frozen=True)
class Listing:
    """What CIPP's table gives a user.

    - `roles`: names as in the table
    - `is_final`: whether roles by groups don't count
    - `may_restrict`: whether an unknown custom role of a container CIPP might restrict roles by groups
    - `note`: why roles are missing
    """

    roles: tuple[str, ...] = ()
    is_final: bool = False
    may_restrict: bool = False
    note: str = ""


NOT_LISTED: Final = Listing()


class RolesInCipp:
    """The service for roles by CIPP's table. It requires the permissions of `AllowedUsers` and `EntraUsers`."""

    def __init__(  # noqa: PLR0913 - all that a role depends on
        self,
        users: AllowedUsers,
        people: EntraUsers,
        partner_tenant: PartnerTenant,
        *,
        is_container: IsContainer,
        look_at_shape: LookAtShape,
        settings_read: SettingsRead,
    ) -> None:
        self._users = users
        self._people = people
        self._partner_tenant = partner_tenant
        self._is_container = is_container
        self._look_at_shape = look_at_shape
        self._settings_read = settings_read

    def of(self, user: User, seat: Seat = NOT_NEEDED) -> Listing:
        """Return what the table gives a user. The user is found by their object ID, never by a name in the token.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        if self._is_container() is False or not is_guid(user.object_id):
            return NOT_LISTED
        if self._is_container() is None:
            if not self._has_users(seat):
                return NOT_LISTED  # as with function apps, which don't have the table
            is_container = self._look_at_shape(seat)
            if not is_container:
                return NOT_LISTED if is_container is False else Listing(may_restrict=True, note=_SHAPE_UNKNOWN)
        try:
            with _unknown_because(_TENANT_UNKNOWN):
                is_partner = self._partner_tenant.is_partner(user.tenant.lower(), seat)
            return self._of_partner(user, seat) if is_partner else NOT_LISTED
        except _UnknownError as error:
            return Listing(may_restrict=True, note=str(error))

    def _has_users(self, seat: Seat) -> bool:
        """Return whether the table lists users. If it can't be read, it counts as missing."""
        try:
            with _unknown_because(_TABLE_UNREACHABLE):
                return bool(self._users.read(seat))
        except _UnknownError:
            return False

    def _of_partner(self, user: User, seat: Seat) -> Listing:
        with _unknown_because(_SETTINGS_UNKNOWN):
            read = self._settings_read(seat)
        if read is None or not 0 <= time.monotonic() - read[0] <= SETTINGS_SECONDS:
            raise _UnknownError(_SETTINGS_UNKNOWN)
        if setting := setting_that_moves(read[1]):
            raise _UnknownError(_MOVED.format(setting))
        with _unknown_because(_TABLE_UNREACHABLE):
            listed = self._users.read(seat)
        return self._by_name(user, listed, seat, allows_others=allows_others(read[1]))

    def _by_name(
        self, user: User, listed: Mapping[str, tuple[str, ...]], seat: Seat, *, allows_others: bool
    ) -> Listing:
        others = NOT_LISTED if allows_others else Listing(is_final=True, note=_NOT_LISTED)
        if not listed:
            return others
        with _unknown_because(_GRAPH_UNREACHABLE):
            person = self._people.of(user.object_id, seat)
        if person is None or not person.is_enabled:
            return Listing(is_final=True, note=_GONE if person is None else _DISABLED)
        if person.is_external:
            # CIPP compares the name in the account's own tenant, which that tenant can change. A row key can't have
            # the name in this one, because it contains a #.
            return replace(others, note=_EXTERNAL)
        roles = listed.get(folded(person.name))
        if roles is None:
            return others
        return Listing(roles, is_final=bool(roles))  # a user without a role there can have roles by groups


class _UnknownError(Exception):
    """The roles are unknown. The text is a note for the caller."""


@contextmanager
def _unknown_because(note: str) -> Iterator[None]:
    """Log the error of a call, and raise the note in its place. A refusal by the seats is raised as it is."""
    try:
        yield
    except SeatsTakenError:
        raise
    except BackendError as error:
        logger.warning("Couldn't resolve roles from CIPP's users: %s", error)
        raise _UnknownError(note) from error


def setting_that_moves(settings: Mapping[str, str]) -> str:
    """Return the name of a setting that moves the table of users, or "". Names are case-insensitive. Pure."""
    if any(value.lower() != TABLE.lower() for value in _values(settings, _TABLE_SETTING)):
        return _TABLE_SETTING
    return _STORAGE_SETTING if _values(settings, _STORAGE_SETTING) else ""


def allows_others(settings: Mapping[str, str]) -> bool:
    """Return whether CIPP allows users whom its table does not list. Pure."""
    return all(value.strip().lower() == "true" for value in _values(settings, _OTHERS_SETTING))


def _values(settings: Mapping[str, str], wanted: str) -> list[str]:
    """Return the values of a setting. On Linux, two names that differ by case can both exist."""
    return [value for name, value in settings.items() if name.lower().replace(":", "__") == wanted.lower()]
