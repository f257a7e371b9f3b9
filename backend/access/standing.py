"""The roles of CIPP that a principal has.

- A user by claims: from the token's roles, otherwise from CIPP's users if CIPP is a container, otherwise from the
  token's groups, otherwise from Microsoft Graph.
- A user of the static web app: from the roles there, otherwise from Microsoft Graph.
- An application: from CIPP only.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from backend.access.partner_tenant import PartnerTenant
from backend.access.principals import ENTRA, Application, StaticWebAppUser, User
from backend.access.roles import BASE, PLATFORM, UNBOUND, CallerRoles, base_of
from backend.access.roles_in_cipp import RolesInCipp
from backend.access.tables import SHORT_WAIT_SECONDS, WAIT_SECONDS, AccessRules, AccessTables
from backend.concurrency.seats import NOT_NEEDED, Seat, SeatsTakenError
from backend.errors import BackendError, NotAllowedError, joined
from backend.formats import is_guid
from backend.text.quoting import quoted

# The roles that a user has by groups. Raises BackendError if they are unknown.
RoleSource = Callable[[str, AccessRules, Seat], list[str]]
logger = logging.getLogger("cipp.access")
# The log has the cause. Any signed-in caller gets these messages.
_TABLES_UNREACHABLE: Final = (
    "Custom roles, groups and API clients can't be resolved, because CIPP's tables are unreachable. Try again shortly. "
    "If the problem persists, check this app's log, and whether CIPP_STORAGE is CIPP's storage account."
)
_GROUPS_UNKNOWN: Final = (
    "Roles by Entra groups can't be resolved, because Microsoft Graph refused or timed out. Try again in a minute. "
    "If the problem persists, check this app's log, and grant CIPP's SAM app Directory.Read.All, or use an app role."
)


class Standing:
    """The service for a caller's roles.

    It requires the permissions of `AccessTables`, `GroupMembers` and `RolesInCipp`.
    """

    def __init__(
        self, tables: AccessTables, partner_tenant: PartnerTenant, role_source: RoleSource, in_cipp: RolesInCipp
    ) -> None:
        self._tables = tables
        self._partner_tenant = partner_tenant
        self._roles_of = role_source
        self._in_cipp = in_cipp

    def of_static_web_app_user(self, user: StaticWebAppUser, seat: Seat = NOT_NEEDED) -> CallerRoles:
        """Return the roles of a user of the static web app.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken. The other methods raise it, too.
            NotAllowedError: The static web app did not send even its own roles, which all users have.
        """
        names = _lower(user.roles)
        if not names:
            raise NotAllowedError(
                "Access is not allowed: the static web app did not send your roles.", advice="Sign in again."
            )
        own = [name for name in names if name not in PLATFORM]
        if set(names) != set(PLATFORM) or user.provider.lower() != ENTRA or "@" not in user.name:
            return self._resolved(own, seat)
        return self._by_groups(user.name, seat)

    def of_user(self, user: User, seat: Seat = NOT_NEEDED) -> CallerRoles:
        """Return the roles of a user by claims."""
        own = [name for name in _lower(user.roles) if name not in PLATFORM]
        if base_of(own):
            return self._resolved(own, seat, drop_unknown=True)
        rules = self._rules(WAIT_SECONDS, seat)
        if rules is None:
            return CallerRoles(unknown=tuple(own), note=_TABLES_UNREACHABLE)
        if found := [name for name in own if name in rules.custom_roles]:
            return _counted(found, rules)
        listing = self._in_cipp.of(user, seat)
        if listing.is_final:
            roles = _counted(list(listing.roles), rules)
            return replace(roles, note=listing.note or _not_in_cipp(roles.unknown))
        roles = self._by_any_groups(user, rules, seat)
        if listing.may_restrict and not (roles.base and roles.base.name in UNBOUND):
            roles = CallerRoles(all_custom=roles.all_custom, note=roles.note)
        return replace(roles, note=joined(listing.note, roles.note))

    def _by_any_groups(self, user: User, rules: AccessRules, seat: Seat) -> CallerRoles:
        """Return the roles that a user has by the token's groups, otherwise by those that Graph returns."""
        if by_groups := rules.roles_of(_lower(user.groups)):
            try:
                if self._partner_tenant.is_partner(user.tenant.lower(), seat):
                    return _counted(by_groups, rules)
            except SeatsTakenError:
                raise
            except BackendError as error:
                return _groups_unknown(rules, error)
        return self._by_groups(user.object_id, seat, tenant=user.tenant)

    def of_application(self, application: Application, seat: Seat = NOT_NEEDED) -> CallerRoles:
        """Return the role of an API client.

        Raises:
            NotAllowedError: CIPP does not know it, it is disabled or without a role, or the tables are unreachable.
        """
        rules = self._rules(WAIT_SECONDS, seat)
        if rules is None:
            raise NotAllowedError(f"Access is not allowed: {_TABLES_UNREACHABLE}")
        client = rules.clients.get(application.client_id)
        who = f"the API client {application.client_id}"
        if client is None:
            raise NotAllowedError(
                f"Access is not allowed: CIPP does not know {who}.", advice="Add it to CIPP's API clients."
            )
        if not client.enabled:
            raise NotAllowedError(f"Access is not allowed: {who} is not enabled in CIPP.")
        if not client.role or client.role in PLATFORM:
            raise NotAllowedError(
                f"Access is not allowed: {who} does not have a role in CIPP.", advice="Assign a role to it in CIPP."
            )
        if client.role not in BASE and client.role not in rules.custom_roles:
            raise NotAllowedError(
                f"Access is not allowed: {who} has the role '{client.role}', which CIPP does not have."
            )
        # A client has its own address ranges. Those of its role apply to users only.
        return replace(_counted([client.role], rules), ranges=client.ranges, title=client.name)

    def _by_groups(self, user: str, seat: Seat, tenant: str | None = None) -> CallerRoles:
        """Return the roles that a user has by groups. The SAM app can read those of the partner tenant only."""
        rules = self._rules(WAIT_SECONDS, seat)
        if rules is None:
            return CallerRoles(note=_TABLES_UNREACHABLE)
        if tenant is not None and not (is_guid(user) and rules.groups):
            return _counted([], rules)
        try:
            is_partner = tenant is None or self._partner_tenant.is_partner(tenant.lower(), seat)
            found = self._roles_of(user, rules, seat) if is_partner else []
        except SeatsTakenError:
            raise
        except BackendError as error:
            return _groups_unknown(rules, error)
        return _counted(found, rules)

    def _resolved(self, names: list[str], seat: Seat, *, drop_unknown: bool = False) -> CallerRoles:
        """Return roles by their names. Superadmin doesn't need the tables. Other base roles also work without them."""
        base = base_of(names)
        if base is BASE["superadmin"]:
            return CallerRoles(base=base)
        if not names:
            return CallerRoles()
        others = [name for name in names if name not in BASE]
        can_go_on = base is not None and not others and self._tables.was_read
        rules = self._rules(SHORT_WAIT_SECONDS if can_go_on else WAIT_SECONDS, seat)
        if rules is None:
            # The address ranges of a base role are from the last read of the tables.
            ranges = self._tables.last.ranges_of(name for name in names if name in BASE)
            return CallerRoles(base=base, unknown=tuple(others), note=_TABLES_UNREACHABLE, ranges=ranges)
        return _counted(names, rules, drop_unknown=drop_unknown)

    def _rules(self, wait_seconds: float, seat: Seat) -> AccessRules | None:
        """Return the content of CIPP's tables, or None if it is unknown. The tables log the cause."""
        try:
            return self._tables.read(wait_seconds, seat)
        except SeatsTakenError:
            raise
        except BackendError:
            return None


def _groups_unknown(rules: AccessRules, error: BackendError) -> CallerRoles:
    """Return a result without roles, with the note that roles by groups are unknown."""
    logger.warning("Couldn't resolve roles by Entra groups: %s", error)
    return CallerRoles(all_custom=tuple(rules.custom_roles.values()), note=_GROUPS_UNKNOWN)


def _not_in_cipp(unknown: tuple[str, ...]) -> str:
    """Return a note about roles in CIPP's table of users that are not roles, or ""."""
    names = ", ".join(quoted(name) for name in unknown)
    detail = f"CIPP's table of users gives you {names}, but CIPP has no such role."
    return f"{detail} Role names are case-sensitive there." if unknown else ""


def _counted(names: list[str], rules: AccessRules, *, drop_unknown: bool = False) -> CallerRoles:
    custom = [rules.custom_roles[name] for name in names if name in rules.custom_roles]
    unknown = [name for name in names if name not in BASE and name not in rules.custom_roles]
    return CallerRoles(
        base=base_of(names),
        custom=tuple(custom),
        unknown=() if drop_unknown else tuple(unknown),
        ranges=rules.ranges_of(names),
        all_custom=tuple(rules.custom_roles.values()),
    )


def _lower(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.strip().lower() for name in names))
