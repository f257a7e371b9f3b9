"""Who is calling, and what they may do.

The principal comes from the platform in headers, and counts only where the platform sets them: App Service
authentication is on, or this is a development host that bears no mark of Azure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from backend.backend import Backend
from backend.errors import BackendError
from backend.roles import BASE_ROLES as BASE_ROLES  # noqa: PLC0414 - named here, too
from backend.roles import PLATFORM, CustomRole, Held, Role
from backend.seats import Seat, SeatsTakenError
from settings.address import address_of, why_unknown
from settings.denials import NotAllowedError as NotAllowedError  # noqa: PLC0414 - the same
from settings.denials import NotSignedInError as NotSignedInError  # noqa: PLC0414 - the same
from settings.known_roles import caller_id, has_known_role, note_role
from settings.principal import ENTRA, Application, Principal, StaticWebAppUser, User, principal_of
from settings.standing import of_application, of_static_web_app_user, of_user

# Each is set by some plan of Azure's: on Linux Consumption and Flex the first is absent, and Container Apps have a
# name of their own.
MARKS_OF_AZURE: Final = (
    "WEBSITE_INSTANCE_ID",
    "CONTAINER_NAME",
    "WEBSITE_POD_NAME",
    "LEGION_SERVICE_HOST",
    "KUBERNETES_SERVICE_HOST",
    "CONTAINER_APP_NAME",
    "WEBSITE_SKU",
)
# Any port: a static web app emulator or a forwarded port keeps the browser's own.
LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


class Permission(StrEnum):
    """CIPP's names for what a caller may do, as far as this area knows them."""

    APP_SETTINGS_READ = "CIPP.AppSettings.Read"
    APP_SETTINGS_WRITE = "CIPP.AppSettings.ReadWrite"
    CORE_READ = "CIPP.Core.Read"
    EXTENSION_WRITE = "CIPP.Extension.ReadWrite"
    SUPER_ADMIN_READ = "CIPP.SuperAdmin.Read"
    SUPER_ADMIN_WRITE = "CIPP.SuperAdmin.ReadWrite"
    IDENTITY_USER_READ = "Identity.User.Read"


@dataclass(frozen=True)
class Caller:
    """Who is calling, from where, and with which roles.

    `partner` returns the partner's tenant when it is needed, `recent_partner` one that was read just now.

    `address` is "" where it cannot be told. `turned_away` says why no role counts from there, "" where they do.
    """

    principal: Principal
    held: Held
    address: str
    turned_away: str
    partner: Callable[[], str]
    recent_partner: Callable[[], str]

    @property
    def name(self) -> str:
        """What a person calls them: only shown, never compared."""
        if not isinstance(self.principal, Application):
            return self.principal.name
        # CIPP's name for it alone could be anybody's.
        title, client_id = self.held.title, self.principal.client_id
        return f"{title} ({client_id})" if title else client_id

    @property
    def user_details(self) -> str:
        """The name, in the static web app's word."""
        return self.name

    @property
    def user_id(self) -> str:
        """The platform's id of them."""
        match self.principal:
            case StaticWebAppUser():
                return self.principal.user_id
            case Application():
                return self.principal.client_id
            case _:
                return self.principal.object_id

    @property
    def provider(self) -> str:
        """Who vouches for them; `aad` is Entra."""
        return self.principal.provider if isinstance(self.principal, StaticWebAppUser) else ENTRA

    @property
    def is_application(self) -> bool:
        """Whether it is an API client, and no person."""
        return isinstance(self.principal, Application)

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles that count, the strongest base role first."""
        return () if self.turned_away else self.held.names

    @property
    def shown_roles(self) -> tuple[str, ...]:
        """What the frontend sees: the platform's own names for them, and the roles that the platform does not know."""
        given = self.principal.roles if isinstance(self.principal, StaticWebAppUser) else PLATFORM
        there = {name.lower() for name in given}
        return (*(name for name in self.role_names if name not in there), *given)

    @property
    def role(self) -> Role | CustomRole | None:
        """The first of them."""
        return None if self.turned_away else (self.held.base or next(iter(self.held.custom), None))

    @property
    def permissions(self) -> list[str]:
        """The permissions that the caller has, by name, sorted."""
        return sorted(name for name in Permission if not self.turned_away and self.held.allows(name))

    def must_have_a_role(self) -> None:
        """Let the caller pass who has any role of CIPP's.

        Raises:
            NotAllowedError: They have none, or call from elsewhere than their roles allow.
        """
        if self.turned_away:
            raise NotAllowedError(self.turned_away, caller=self)
        if not self.role_names:
            ask = "Access is not allowed: you have no CIPP role. Ask a CIPP superadmin for one."
            raise NotAllowedError(f"{ask} {self.held.note}".strip(), caller=self)

    def must_have(self, permission: Permission, endpoint: str) -> None:
        """Let the caller pass who may call an endpoint.

        Raises:
            NotAllowedError: They call from elsewhere than their roles allow; or none of the roles has the permission
                for this endpoint in the partner's tenant.
        """
        if self.turned_away:
            raise NotAllowedError(self.turned_away, caller=self)
        try:
            refusal = self.held.refusal(permission.value, endpoint, self.partner)
            if refusal:
                refusal = self.held.refusal(permission.value, endpoint, self.recent_partner)
        except BackendError as error:
            refusal = f"the partner's tenant, on which your custom role depends, is not known. {error}"
        if refusal:
            raise NotAllowedError(f"Access is not allowed: {refusal}", permission=permission.value, caller=self)

    def may(self, permission: Permission, endpoint: str) -> bool:
        """Return whether the caller may use a permission at an endpoint, see `must_have`."""
        try:
            self.must_have(permission, endpoint)
        except NotAllowedError:
            return False
        return True


def caller_of(
    headers: Mapping[str, str], environ: Mapping[str, str], backend: Backend, url: str | None = None
) -> Caller:
    """Return who is calling. `url` is the request's whole address, if it is known.

    Raises:
        NotSignedInError: No principal, one that can't be trusted or read, or a development host under another name.
        NotAllowedError: Someone of a tenant that is not served, or an application that CIPP does not let in.
        SeatsTakenError: Whether their tenant is served is unknown, and other callers wait for that already.
        BackendError: The vault does not tell the partner's tenant, and `ALLOWED_TENANTS` does not name theirs.
    """
    if not platform_sets_principal(environ):
        raise NotSignedInError(
            "This app's authentication is off, so nobody can be known: turn on App Service authentication with "
            "Microsoft Entra for your tenant, and refuse unauthenticated requests (see Deploy in the README)."
        )
    if not _auth_is_on(environ) and url is not None and not _is_for_this_machine(url):
        raise NotSignedInError(
            "Couldn't identify the caller: on a development machine only a request to the machine's own name counts, "
            "and this one names another. Use localhost, 127.0.0.1 or [::1]."
        )
    principal = principal_of(headers)
    if isinstance(principal, StaticWebAppUser) and not trusts_static_web_app(environ):
        raise NotSignedInError(
            "The principal that the platform sent has the shape of a static web app's, and this app does not trust it. "
            "Set TRUST_STATIC_WEB_APP=true only if CIPP's static web app is linked to this app, or an equal front "
            "stands before it: App Service itself never sends that shape. Otherwise sign in to this app with Entra."
        )
    address = address_of(headers, environ)
    tenants = backend.partner_tenant.current, backend.partner_tenant.recent
    with backend.seats.visit(caller_id(principal), needed=not has_known_role(principal, backend)) as seat:
        if not is_development(environ) and (reason := backend.sign_in_door.reason(seat)):
            raise NotSignedInError(reason)
        _must_be_served(principal, backend, seat)
        try:
            held = _held_by(principal, backend, seat)
        except NotAllowedError as error:
            error.caller = Caller(principal, Held(), address, str(error), *tenants)
            raise
    note_role(principal, held, backend)
    backend.seats.note(caller_id(principal), has_role=bool(held.names))
    away = "" if held.ranges.hold(address) else _turned_away(principal, held, address, environ)
    return Caller(principal, held, address, away, *tenants)


def _must_be_served(principal: Principal, backend: Backend, seat: Seat) -> None:
    """Let pass who is of a tenant that is served; to the record everybody else is one and the same stranger."""
    if isinstance(principal, StaticWebAppUser):
        return
    if not backend.serves(principal.tenant, seat):
        raise NotAllowedError(
            f"Access is not allowed: you signed in with tenant '{principal.tenant}', and this app serves the partner's "
            "tenant alone. Sign in there, or name your tenant in the setting ALLOWED_TENANTS."
        )
    if isinstance(principal, User) and not principal.object_id:
        raise NotSignedInError("The principal that the platform sent cannot be read: it has no claim oid.")


def _held_by(principal: Principal, backend: Backend, seat: Seat) -> Held:
    try:
        match principal:
            case StaticWebAppUser():
                return of_static_web_app_user(principal, backend, seat)
            case Application():
                return of_application(principal, backend, seat)
            case _:
                return of_user(principal, backend, seat)
    except SeatsTakenError as error:
        if isinstance(principal, Application):
            raise NotAllowedError(f"Access is not allowed: {error}") from error
        return Held(note=str(error))


def _turned_away(principal: Principal, held: Held, address: str, environ: Mapping[str, str]) -> str:
    whose = "this API client" if isinstance(principal, Application) else f"your role {', '.join(held.names)}"
    if address:
        return f"Access is not allowed: {whose} may not call from your address {address}. Ask a CIPP superadmin."
    return (
        f"Access is not allowed: {whose} may call from some addresses only, and yours can't be determined: "
        f"{why_unknown(environ)}."
    )


def platform_sets_principal(environ: Mapping[str, str]) -> bool:
    """Return whether the platform sets the principal's headers, so that the caller can't have written them."""
    return _auth_is_on(environ) or is_development(environ)


def is_development(environ: Mapping[str, str]) -> bool:
    """Return whether this is a development host, which bears no mark of Azure."""
    development = environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "") == "Development"
    return development and not any(mark in environ for mark in MARKS_OF_AZURE)


def trusts_static_web_app(environ: Mapping[str, str]) -> bool:
    """Return whether a principal in a static web app's shape counts: by a setting, and always in development."""
    return environ.get("TRUST_STATIC_WEB_APP", "").strip().lower() == "true" or is_development(environ)


def _auth_is_on(environ: Mapping[str, str]) -> bool:
    return environ.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true"


def _is_for_this_machine(url: str) -> bool:
    """Return whether a request's address names this machine.

    A page of a name that an attacker points to 127.0.0.1 (DNS rebinding) calls a development host as if it came from
    there, and sends the principal itself. Only the name gives it away, and Core Tools does not check it. The host puts
    the Host header into the address (`GetDisplayUrl`).
    """
    try:
        return LOOPBACK.fullmatch(urlsplit(url).netloc) is not None
    except ValueError:  # brackets without an address: no browser has such a name, so no DNS record made it
        return True
