"""Who is calling, and what they may do.

The principal comes from the platform in a header, and counts only where the platform sets that header:
App Service authentication is on, or this is a development host that bears no mark of Azure.
The roles and their patterns are CIPP's own (its file of base roles).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from backend.errors import BackendError

PRINCIPAL_HEADER: Final = "x-ms-client-principal"
# Each is set by some plan of Azure's: on Linux Consumption and Flex the first is absent.
MARKS_OF_AZURE: Final = (
    "WEBSITE_INSTANCE_ID",
    "CONTAINER_NAME",
    "WEBSITE_POD_NAME",
    "LEGION_SERVICE_HOST",
    "KUBERNETES_SERVICE_HOST",
    "WEBSITE_SKU",
)


class Permission(StrEnum):
    """CIPP's names for what a caller may do, as far as this area knows them."""

    APP_SETTINGS_READ = "CIPP.AppSettings.Read"
    APP_SETTINGS_WRITE = "CIPP.AppSettings.ReadWrite"
    CORE_READ = "CIPP.Core.Read"
    EXTENSION_WRITE = "CIPP.Extension.ReadWrite"
    SUPER_ADMIN_READ = "CIPP.SuperAdmin.Read"
    SUPER_ADMIN_WRITE = "CIPP.SuperAdmin.ReadWrite"
    IDENTITY_USER_READ = "Identity.User.Read"


class Role(msgspec.Struct, frozen=True):
    """A base role: what it includes, less what it excludes."""

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def allows(self, permission: str) -> bool:
        """Tell whether the role holds a permission; names match whatever their case."""
        asked = permission.lower()
        return any(fnmatchcase(asked, pattern.lower()) for pattern in self.include) and not any(
            fnmatchcase(asked, pattern.lower()) for pattern in self.exclude
        )


_UNREADABLE: Final = "The principal that the platform sent cannot be read"
_ADMINS_ONLY: Final = ("CIPP.SuperAdmin.*", "CIPP.Admin.*", "CIPP.AppSettings.*")
# The strongest first: of several roles the first one found counts.
BASE_ROLES: Final = (
    Role("superadmin", ("*",)),
    Role("admin", ("*",), ("CIPP.SuperAdmin.*",)),
    Role("editor", ("*.Read", "*.ReadWrite"), (*_ADMINS_ONLY, "Tenant.Standards.ReadWrite")),
    Role("readonly", ("*.Read",), _ADMINS_ONLY),
)


class NotSignedInError(BackendError):
    """Nobody is known to be calling."""


class NotAllowedError(BackendError):
    """The caller is known and lacks the right; `permission` names it."""

    def __init__(self, message: str, *, permission: str | None = None) -> None:
        super().__init__(message)
        self.permission = permission


class Caller(msgspec.Struct, frozen=True, rename="camel"):
    """Who the platform says is calling, in the static web app's terms."""

    user_details: str
    user_id: str
    identity_provider: str
    user_roles: tuple[str, ...]

    @property
    def role(self) -> Role | None:
        """The strongest base role of the caller."""
        held = {role.lower() for role in self.user_roles}
        return next((role for role in BASE_ROLES if role.name in held), None)

    @property
    def permissions(self) -> list[str]:
        """The permissions that the caller has, by name, sorted."""
        return sorted(name for name in Permission if self.role and self.role.allows(name))

    def must_have(self, permission: Permission) -> None:
        """Let the caller pass.

        Raises:
            NotAllowedError: None of the caller's roles has the permission.
        """
        if self.role and self.role.allows(permission):
            return
        holders = ", ".join(role.name for role in reversed(BASE_ROLES) if role.allows(permission))
        held = f"your role '{self.role.name}' does not have" if self.role else "you have no CIPP role, so you lack"
        raise NotAllowedError(
            f"Access is not allowed: {held} the permission {permission.value}. Roles that have it: {holders}. "
            "Ask a CIPP superadmin for one of them.",
            permission=permission.value,
        )


def caller_of(headers: Mapping[str, str], environ: Mapping[str, str], serves: Callable[[str], bool]) -> Caller:
    """Answer who is calling. `serves` tells of a tenant; it is asked only for a principal of App Service's shape.

    Raises:
        NotSignedInError: Nobody, or a principal that cannot be believed or read.
    """
    if not platform_sets_principal(environ):
        raise NotSignedInError(
            "This app's authentication is off, so nobody can be known: turn on App Service authentication with "
            "Microsoft Entra for your tenant, and refuse unauthenticated requests (see Deploy in the README)."
        )
    header = headers.get(PRINCIPAL_HEADER, "")
    if not header.strip():
        raise NotSignedInError("You are not signed in: sign in, or send a token of this app.")
    principal = _decoded(header)
    if isinstance(principal.get("claims"), list) and not principal.get("userDetails"):
        return _of_app_service(principal, serves)
    return _of_static_web_app(principal)


def platform_sets_principal(environ: Mapping[str, str]) -> bool:
    """Tell whether the principal header is the platform's word and not the caller's."""
    if environ.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true":
        return True
    development = environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "") == "Development"
    return development and not any(mark in environ for mark in MARKS_OF_AZURE)


def _decoded(header: str) -> dict[str, Any]:
    try:
        principal = msgspec.json.decode(
            base64.b64decode(header.strip() + "=" * (-len(header.strip()) % 4), validate=True)
        )
    except (binascii.Error, ValueError, RecursionError) as error:
        raise NotSignedInError(
            "The principal that the platform sent cannot be read: it is no base64 of JSON."
        ) from error
    if not isinstance(principal, dict):
        raise NotSignedInError(f"{_UNREADABLE}: it is no JSON object.")
    return principal


def _of_static_web_app(principal: Mapping[str, Any]) -> Caller:
    roles = principal.get("userRoles")
    details, user_id, provider = (principal.get(name) or "" for name in ("userDetails", "userId", "identityProvider"))
    if not (isinstance(roles, list) and all(isinstance(text, str) for text in (*roles, details, user_id, provider))):
        raise NotSignedInError(f"{_UNREADABLE}: it names no roles.")
    return Caller(details, user_id, provider, tuple(roles))


def _of_app_service(principal: Mapping[str, Any], serves: Callable[[str], bool]) -> Caller:
    """Read App Service's shape; the app roles in the token count as CIPP's roles, for the partner's tenant alone."""
    claims: dict[str, list[str]] = {}
    for claim in principal["claims"]:
        if not (isinstance(claim, dict) and isinstance(claim.get("typ"), str) and isinstance(claim.get("val"), str)):
            raise NotSignedInError(f"{_UNREADABLE}: a claim has no type or no value.")
        claims.setdefault(_CLAIM_NAMES.get(claim["typ"].lower(), claim["typ"].lower()), []).append(claim["val"])

    def one(name: str) -> str:
        return claims.get(name, [""])[0]

    if not serves(one("tid")):
        raise NotAllowedError(
            f"Access is not allowed: you signed in with tenant '{one('tid')}', and this app serves the partner's "
            "tenant alone. Sign in there, or name your tenant in the setting ALLOWED_TENANTS."
        )
    if one("idtyp") == "app" or (not one("scp") and one("oid") and one("oid") == one("sub")):
        raise NotAllowedError(
            "Access is not allowed: this token is an application's own, and this version serves signed-in users only."
        )
    return Caller(
        user_details=one("upn") or one("preferred_username") or one("name"),
        user_id=one("oid"),
        identity_provider="aad",
        user_roles=(*claims.get("roles", []), "authenticated", "anonymous"),
    )


# App Service may send a claim by its short name or by its older, long one.
_CLAIM_NAMES: Final = {
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "name",
}
