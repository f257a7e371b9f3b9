"""What roles allow: CIPP's base roles, its custom roles, and the two together. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from backend.address_ranges import ANYWHERE, Ranges

ALL_TENANTS: Final = "alltenants"


@dataclass(frozen=True)
class Role:
    """A base role: what it includes, less what it excludes."""

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def allows(self, permission: str) -> bool:
        """Tell whether the role holds a permission; names match whatever their case."""
        asked = permission.lower()
        return _matches(asked, self.include) and not _matches(asked, self.exclude)


_ADMINS_ONLY: Final = ("CIPP.SuperAdmin.*", "CIPP.Admin.*", "CIPP.AppSettings.*")
# The strongest first: of several roles the first one found counts.
BASE_ROLES: Final = (
    Role("superadmin", ("*",)),
    Role("admin", ("*",), ("CIPP.SuperAdmin.*",)),
    Role("editor", ("*.Read", "*.ReadWrite"), (*_ADMINS_ONLY, "Tenant.Standards.ReadWrite")),
    Role("readonly", ("*.Read",), _ADMINS_ONLY),
)
BASE: Final = {role.name: role for role in BASE_ROLES}
UNBOUND: Final = ("superadmin", "admin")  # custom roles do not restrict these
PLATFORM: Final = ("authenticated", "anonymous")  # everybody has them; they are no roles of CIPP's


@dataclass(frozen=True)
class CustomRole:
    """A custom role as CIPP's table has it; all names in lower case.

    `blocked_tenants` None: what is blocked cannot be told, so nothing is let through.
    """

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    allowed_tenants: tuple[str, ...] = ()
    blocked_tenants: tuple[str, ...] | None = ()
    blocked_endpoints: tuple[str, ...] | None = ()

    def allows(self, permission: str) -> bool:
        """Tell whether the role holds a permission; who may write may read."""
        asked = permission.lower()
        if _matches(asked, self.exclude):
            return False
        return _matches(asked, self.include) or (asked.endswith(".read") and self.allows(f"{asked}write"))

    def blocks(self, endpoint: str) -> bool:
        """Tell whether the role blocks an endpoint."""
        return self.blocked_endpoints is None or endpoint.lower() in self.blocked_endpoints

    def serves(self, partner: Callable[[], str]) -> bool:
        """Tell whether the role holds in the partner's tenant, where all of this API works.

        `partner` answers its id; it is asked only where the role names tenants one by one.
        """
        if self.blocked_tenants is None or ALL_TENANTS in self.blocked_tenants or not self.allowed_tenants:
            return False
        if ALL_TENANTS in self.allowed_tenants and not self.blocked_tenants:
            return True
        tenant = partner().lower()
        return not {ALL_TENANTS, tenant}.isdisjoint(self.allowed_tenants) and tenant not in self.blocked_tenants


@dataclass(frozen=True)
class Held:
    """The roles that a caller has.

    `unknown` are names that are no role, or cannot be told to be one. `note` says why more roles are not known.
    `ranges` are the addresses from which they hold. `title` is what CIPP calls an API client. `all_custom` are CIPP's
    custom roles, whoever has them.
    """

    base: Role | None = None
    custom: tuple[CustomRole, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str = ""
    ranges: Ranges = ANYWHERE
    title: str = ""
    all_custom: tuple[CustomRole, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles, the base role first."""
        return (*((self.base.name,) if self.base else ()), *(role.name for role in self.custom))

    def allows(self, permission: str) -> bool:
        """Tell whether the roles hold a permission, whatever the endpoint and the tenant."""
        if self.base and (not self.base.allows(permission) or self.base.name in UNBOUND):
            return self.base.allows(permission)
        if self.base and not self.custom:
            return not self.unknown
        return any(role.allows(permission) for role in self.custom)

    def refusal(self, permission: str, endpoint: str, partner: Callable[[], str]) -> str | None:
        """Say why these roles may not call an endpoint that needs a permission; None where they may.

        Raises:
            BackendError: What `partner` raises.
        """
        if not self.allows(permission):
            return self._lacking(permission, endpoint)
        if self.base and (self.base.name in UNBOUND or not self.custom):
            return None
        holding = [role for role in self.custom if role.allows(permission)]
        for role in holding:
            if role.blocks(endpoint):
                return f"the custom role '{role.name}' has blocked the endpoint {endpoint}. {_ASK}"
        if any(role.serves(partner) for role in holding):
            return None
        names = ", ".join(f"'{role.name}'" for role in holding)
        return (
            f"the custom role {names} does not hold in the partner's own tenant, where this endpoint works. "
            "Ask a CIPP superadmin to allow AllTenants or the partner's tenant in it, and to block neither."
        )

    def _lacking(self, permission: str, endpoint: str) -> str:
        if self.base and self.base.allows(permission) and not self.custom:
            names = ", ".join(f"'{name}'" for name in self.unknown)
            held = (
                f"besides '{self.base.name}' you have {names}, which CIPP does not know as a role, so you may not use"
            )
        elif self.names:
            word = "role" if len(self.names) == 1 else "roles"
            names = ", ".join(f"'{name}'" for name in self.names)
            held = f"your {word} {names} {'does' if len(self.names) == 1 else 'do'} not have"
        else:
            held = "you have no CIPP role, so you lack"
        holders = [role.name for role in reversed(BASE_ROLES) if role.allows(permission)]
        holders += [role.name for role in self.all_custom if role.allows(permission) and not role.blocks(endpoint)]
        return (
            f"{held} the permission {permission}. Roles that have it: {', '.join(holders)}. {_ASK} {self.note}".strip()
        )


_ASK: Final = "Ask a CIPP superadmin for one of them."


def base_of(names: Iterable[str]) -> Role | None:
    """Answer the strongest base role among names in lower case."""
    held = set(names)
    return next((role for role in BASE_ROLES if role.name in held), None)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
