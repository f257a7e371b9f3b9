"""The permissions of roles: CIPP's base roles, its custom roles, and both combined. Pure."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from backend.configuration.address_ranges import ANYWHERE, Ranges
from backend.errors import NotAllowedError

ALL_TENANTS: Final = "alltenants"


class Role(msgspec.Struct, frozen=True):
    """A base role. It has the permissions that it includes, except those that it excludes."""

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def allows(self, permission: str) -> bool:
        """Return whether the role has a permission. Names are case-insensitive."""
        name = permission.lower()
        return _matches(name, self.include) and not _matches(name, self.exclude)


_ADMINS_ONLY: Final = ("CIPP.SuperAdmin.*", "CIPP.Admin.*", "CIPP.AppSettings.*")
# The strongest role is first. Of several roles, the first match counts.
BASE_ROLES: Final = (
    Role("superadmin", ("*",)),
    Role("admin", ("*",), ("CIPP.SuperAdmin.*",)),
    Role("editor", ("*.Read", "*.ReadWrite"), (*_ADMINS_ONLY, "Tenant.Standards.ReadWrite")),
    Role("readonly", ("*.Read",), _ADMINS_ONLY),
)
BASE: Final = {role.name: role for role in BASE_ROLES}
UNBOUND: Final = ("superadmin", "admin")  # custom roles don't restrict these
PLATFORM: Final = ("authenticated", "anonymous")  # all users have these, which are not roles of CIPP


class CustomRole(msgspec.Struct, frozen=True):
    """A custom role from CIPP's table, with all names in lower case.

    None in `blocked_tenants` or `blocked_endpoints` means that they can't be read, so everything is blocked.
    """

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    allowed_tenants: tuple[str, ...] = ()
    blocked_tenants: tuple[str, ...] | None = ()
    blocked_endpoints: tuple[str, ...] | None = ()

    def allows(self, permission: str) -> bool:
        """Return whether the role has a permission. A permission to write includes the one to read."""
        name = permission.lower()
        if _matches(name, self.exclude):
            return False
        return _matches(name, self.include) or (name.endswith(".read") and self.allows(f"{name}write"))

    def blocks(self, endpoint: str) -> bool:
        """Return whether the role blocks an endpoint."""
        return self.blocked_endpoints is None or endpoint.lower() in self.blocked_endpoints

    def serves(self, partner: Callable[[], str]) -> bool:
        """Return whether the role applies in the partner tenant, where this whole API works.

        `partner` returns the ID of that tenant. It is called only if the role lists tenants.
        """
        if self.blocked_tenants is None or ALL_TENANTS in self.blocked_tenants or not self.allowed_tenants:
            return False
        if ALL_TENANTS in self.allowed_tenants and not self.blocked_tenants:
            return True
        tenant = partner().lower()
        return not {ALL_TENANTS, tenant}.isdisjoint(self.allowed_tenants) and tenant not in self.blocked_tenants


class Denial(msgspec.Struct, frozen=True):
    """Why a caller is denied, and what to do."""

    detail: str
    advice: str = ""

    def error(self) -> NotAllowedError:
        """Return the denial as an error."""
        return NotAllowedError(self.detail, advice=self.advice)


class CallerRoles(msgspec.Struct, frozen=True):
    """The roles that a caller has.

    - `unknown`: names that are not roles, or that can't be resolved
    - `note`: why more roles are unknown
    - `ranges`: the addresses from which the roles apply
    - `title`: CIPP's name of an API client
    - `all_custom`: all custom roles of CIPP
    """

    base: Role | None = None
    custom: tuple[CustomRole, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str = ""
    ranges: Ranges = ANYWHERE
    title: str = ""
    all_custom: tuple[CustomRole, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles, the base role first."""
        return (*((self.base.name,) if self.base else ()), *(role.name for role in self.custom))

    def allows(self, permission: str) -> bool:
        """Return whether the roles have a permission, regardless of endpoint and tenant."""
        if self.base and (not self.base.allows(permission) or self.base.name in UNBOUND):
            return self.base.allows(permission)
        if self.base and not self.custom:
            return not self.unknown
        return any(role.allows(permission) for role in self.custom)

    def refusal(self, permission: str, endpoint: str, partner: Callable[[], str]) -> Denial | None:
        """Return why these roles may not call an endpoint that requires a permission, or None if they may.

        Raises:
            BackendError: The error of `partner`.
        """
        if not self.allows(permission):
            return self._lacking(permission, endpoint)
        if self.base and (self.base.name in UNBOUND or not self.custom):
            return None
        holding = [role for role in self.custom if role.allows(permission)]
        if blocked := _block(holding, endpoint):
            return blocked
        if any(role.serves(partner) for role in holding):
            return None
        names = ", ".join(f"'{role.name}'" for role in holding)
        return Denial(
            f"the custom role {names} does not apply in the partner tenant, where this endpoint works.",
            "A CIPP superadmin must allow AllTenants or the partner tenant in it, and block neither.",
        )

    def block(self, endpoint: str) -> Denial | None:
        """Return why a custom role blocks an endpoint for which any role suffices, or None if none does."""
        return None if self.base and self.base.name in UNBOUND else _block(self.custom, endpoint)

    def _lacking(self, permission: str, endpoint: str) -> Denial:
        if self.base and self.base.allows(permission) and not self.custom:
            names = ", ".join(f"'{name}'" for name in self.unknown)
            which = "which is not a role" if len(self.unknown) == 1 else "which are not roles"
            reason = f"in addition to '{self.base.name}' you have {names}, {which} of CIPP, so you can't use"
        elif self.names:
            word = "role" if len(self.names) == 1 else "roles"
            names = ", ".join(f"'{name}'" for name in self.names)
            reason = f"your {word} {names} {'does' if len(self.names) == 1 else 'do'} not have"
        else:
            reason = "you have no CIPP role, so you lack"
        holders = [role.name for role in reversed(BASE_ROLES) if role.allows(permission)]
        holders += [role.name for role in self.all_custom if role.allows(permission) and not role.blocks(endpoint)]
        having = f"Roles that have it: {', '.join(holders)}."
        return Denial(f"{reason} the permission {permission}. {having} {self.note}".rstrip(), _REQUEST)


_REQUEST: Final = "Request one of them from a CIPP superadmin."


def base_of(names: Iterable[str]) -> Role | None:
    """Return the strongest base role among names in lower case."""
    given = set(names)
    return next((role for role in BASE_ROLES if role.name in given), None)


def _block(roles: Iterable[CustomRole], endpoint: str) -> Denial | None:
    """Return why the first of the roles that blocks an endpoint does so, or None if none does."""
    for role in roles:
        if role.blocks(endpoint):
            detail = f"the custom role '{role.name}' blocks the endpoint {endpoint}."
            return Denial(detail, "A CIPP superadmin can allow it.")
    return None


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
