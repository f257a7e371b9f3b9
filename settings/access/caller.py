"""The caller of a request, and what they may do.

The platform sends the principal in headers. The headers are trusted only if App Service authentication is on, or on a
development host. A host on which any of `MARKS_OF_AZURE` is set is not a development host.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from backend.access.principals import Application, Principal, StaticWebAppUser, User
from backend.access.roles import PLATFORM, CallerRoles, Denial
from backend.concurrency.seats import Seat, SeatsTakenError
from backend.errors import BackendError, NotAllowedError, NotSignedInError
from backend.services import Services
from settings.access.address import address_of, why_unknown
from settings.access.known_roles import caller_id, has_known_role, note_role
from settings.access.origin import refuse_other_origins
from settings.access.principal import principal_of

if TYPE_CHECKING:
    from backend.access.standing import Standing

# Each is set by some Azure hosting plan. Linux Consumption and Flex don't set the first one, and Container Apps have
# their own.
MARKS_OF_AZURE: Final = (
    "WEBSITE_INSTANCE_ID",
    "CONTAINER_NAME",
    "WEBSITE_POD_NAME",
    "LEGION_SERVICE_HOST",
    "KUBERNETES_SERVICE_HOST",
    "CONTAINER_APP_NAME",
    "WEBSITE_SKU",
)
# Any port, because a static web app emulator or a forwarded port keeps the port that the browser uses.
LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


class Permission(StrEnum):
    """The CIPP permissions that this app uses, by CIPP's names."""

    APP_SETTINGS_READ = "CIPP.AppSettings.Read"
    APP_SETTINGS_WRITE = "CIPP.AppSettings.ReadWrite"
    CORE_READ = "CIPP.Core.Read"
    EXTENSION_WRITE = "CIPP.Extension.ReadWrite"
    SUPER_ADMIN_READ = "CIPP.SuperAdmin.Read"
    SUPER_ADMIN_WRITE = "CIPP.SuperAdmin.ReadWrite"
    IDENTITY_USER_READ = "Identity.User.Read"


class Caller(msgspec.Struct, frozen=True):
    """The caller of a request, with their address and roles.

    `partner` returns the partner's tenant, which may be cached. `recent_partner` returns one that was read just now.

    `address` is "" if it can't be determined. `denied` is why every endpoint denies the caller, or None.
    `address_denial` is why no role counts from the caller's address, or None.
    """

    principal: Principal
    roles: CallerRoles
    address: str
    address_denial: Denial | None
    partner: Callable[[], str]
    recent_partner: Callable[[], str]
    denied: Denial | None = None

    @property
    def name(self) -> str:
        """The caller's display name. It is never compared."""
        # An application's title in CIPP is not unique, so its client ID is shown, too.
        return f"{self.roles.title} ({self.principal.name})" if self.roles.title else self.principal.name

    @property
    def user_id(self) -> str:
        """The platform's ID of the caller."""
        return self.principal.user_id

    @property
    def is_application(self) -> bool:
        """Whether the caller is an API client, not a person."""
        return isinstance(self.principal, Application)

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles that count, with the strongest base role first."""
        return () if self.address_denial or self.denied else self.roles.names

    @property
    def shown_roles(self) -> tuple[str, ...]:
        """The roles as the frontend shows them: those that the platform doesn't know, then the platform's own."""
        given = self.principal.roles if isinstance(self.principal, StaticWebAppUser) else PLATFORM
        there = {name.lower() for name in given}
        return (*(name for name in self.role_names if name not in there), *given)

    @property
    def permissions(self) -> list[str]:
        """The names of the caller's permissions, sorted."""
        return sorted(name for name in Permission if self.role_names and self.roles.allows(name))

    def must_have_a_role(self, endpoint: str | None = None) -> None:
        """Require any CIPP role, and that no role blocks the endpoint.

        Raises:
            NotAllowedError: The caller has no role, or calls from an address that their roles don't allow, or a custom
                role blocks the endpoint.
        """
        self._must_not_be_denied()
        if endpoint and (blocked := self.roles.block(endpoint)):
            raise NotAllowedError(f"Access is not allowed: {blocked.detail}", advice=blocked.advice)
        if not self.role_names:
            detail = f"Access is not allowed: you have no CIPP role. {self.roles.note}".strip()
            raise NotAllowedError(detail, advice="Request one from a CIPP superadmin.")

    def must_have(self, permission: Permission, endpoint: str) -> None:
        """Require a permission at an endpoint.

        Raises:
            NotAllowedError: The caller's address is not allowed, or none of the roles has the permission for this
                endpoint in the partner's tenant.
        """
        self._must_not_be_denied()
        try:
            denial = self.roles.refusal(permission.value, endpoint, self.partner)
            if denial:
                denial = self.roles.refusal(permission.value, endpoint, self.recent_partner)
        except BackendError as error:
            detail = "your custom role depends on the partner's tenant, which could not be determined."
            denial = Denial(f"{detail} {error.detail}", error.advice)
        if denial:
            detail = f"Access is not allowed: {denial.detail}"
            raise NotAllowedError(detail, advice=denial.advice, permission=permission.value)

    def may(self, permission: Permission, endpoint: str) -> bool:
        """Return whether the caller may use a permission at an endpoint. See `must_have`."""
        try:
            self.must_have(permission, endpoint)
        except NotAllowedError:
            return False
        return True

    def _must_not_be_denied(self) -> None:
        if denial := self.denied or self.address_denial:
            raise denial.error()


def identify(
    headers: Mapping[str, str], environ: Mapping[str, str], services: Services, url: str | None = None
) -> Caller:
    """Return the caller of a request. `url` is the request's full URL, if it is known.

    An identified caller is returned even if every endpoint denies them. `authorize` raises why.

    Raises:
        NotSignedInError: The principal is missing, not trusted or not readable, or a development host was called by
            another host name.
        NotAllowedError: The caller's tenant is not served, so their identity is not trusted.
        SeatsTakenError: It is not known yet whether the tenant is served, and other callers already wait for that.
        BackendError: The partner's tenant could not be read from the vault, and `ALLOWED_TENANTS` does not contain the
            caller's.
    """
    if not platform_sets_principal(environ):
        raise NotSignedInError(
            "Couldn't identify the caller: this app's authentication is off.",
            advice="Turn on App Service authentication with Microsoft Entra ID for your tenant, and require "
            "authentication (docs/deploy.md#turn-on-app-service-authentication).",
        )
    if not _auth_is_on(environ) and url is not None and not _is_for_this_machine(url):
        raise NotSignedInError(
            "Couldn't identify the caller: a development machine accepts only requests to its own name, and this "
            "request has another host name.",
            advice="Use localhost, 127.0.0.1 or [::1].",
        )
    principal = principal_of(headers)
    if isinstance(principal, StaticWebAppUser) and not trusts_static_web_app(environ):
        raise NotSignedInError(
            "The principal has the format of a static web app, which this app does not trust. App Service itself never "
            "sends that format.",
            advice="Sign in to this app with Microsoft Entra ID. Set TRUST_STATIC_WEB_APP=true only if a gateway "
            "of your own sends that format and removes it from requests.",
        )
    address = address_of(headers, environ)
    tenants = services.partner_tenant.current, services.partner_tenant.recent
    # Loaded before a seat is taken, because the seat's clock would count the import as a slow response.
    standing = services.standing
    with services.seats.visit(caller_id(principal), needed=not has_known_role(principal, services)) as seat:
        if not is_development(environ) and (denial := services.sign_in_door.denial(seat)):
            raise NotSignedInError(denial.detail, advice=denial.advice)
        _must_be_served(principal, services, seat)
        try:
            roles = _roles_of(principal, standing, seat)
        except NotAllowedError as error:
            return Caller(principal, CallerRoles(), address, None, *tenants, denied=Denial(error.detail, error.advice))
    note_role(principal, roles, services)
    services.seats.note(caller_id(principal), has_role=bool(roles.names))
    address_denial = None if roles.ranges.hold(address) else _address_denial(principal, roles, address, environ)
    return Caller(principal, roles, address, address_denial, *tenants)


def authorize(
    caller: Caller, permission: Permission | None, endpoint: str, *, method: str, headers: Mapping[str, str]
) -> None:
    """Require that the caller may call an endpoint. `None` allows every identified caller.

    Raises:
        NotAllowedError: The caller is denied, or a browser sends a POST on behalf of another site.
    """
    if caller.denied:
        raise caller.denied.error()
    if method == "POST":
        refuse_other_origins(headers)
    if permission:
        caller.must_have(permission, endpoint)


def _must_be_served(principal: Principal, services: Services, seat: Seat) -> None:
    """Require a tenant that is served. The audit log treats all other callers as one."""
    if isinstance(principal, StaticWebAppUser):
        return
    if not services.served_tenants.serves(principal.tenant, seat):
        raise NotAllowedError(
            f"Access is not allowed: you signed in with tenant '{principal.tenant}', which this app doesn't serve.",
            advice="Sign in with the partner's tenant, or add your tenant to the setting ALLOWED_TENANTS.",
        )
    if isinstance(principal, User) and not principal.object_id:
        raise NotSignedInError("Couldn't read the principal from the platform: it has no oid claim.")


def _roles_of(principal: Principal, standing: "Standing", seat: Seat) -> CallerRoles:
    try:
        match principal:
            case StaticWebAppUser():
                return standing.of_static_web_app_user(principal, seat)
            case Application():
                return standing.of_application(principal, seat)
            case _:
                return standing.of_user(principal, seat)
    except SeatsTakenError as error:
        if isinstance(principal, Application):
            raise NotAllowedError(f"Access is not allowed: {error.detail}", advice=error.advice) from error
        return CallerRoles(note=str(error))


def _address_denial(principal: Principal, roles: CallerRoles, address: str, environ: Mapping[str, str]) -> Denial:
    whose = "this API client" if isinstance(principal, Application) else f"your role {', '.join(roles.names)}"
    if address:
        detail = f"Access is not allowed: {whose} may not call from your address {address}."
        return Denial(detail, "Contact a CIPP superadmin.")
    return Denial(
        f"Access is not allowed: {whose} may call only from certain addresses, and yours can't be determined: "
        f"{why_unknown(environ)}."
    )


def platform_sets_principal(environ: Mapping[str, str]) -> bool:
    """Return whether the platform sets the principal's headers, so that a caller can't forge them."""
    return _auth_is_on(environ) or is_development(environ)


def is_development(environ: Mapping[str, str]) -> bool:
    """Return whether this is a development host, on which none of Azure's host variables is set."""
    development = environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "") == "Development"
    return development and not any(mark in environ for mark in MARKS_OF_AZURE)


def trusts_static_web_app(environ: Mapping[str, str]) -> bool:
    """Return whether a static web app's principal is trusted. It always is in development."""
    return environ.get("TRUST_STATIC_WEB_APP", "").strip().lower() == "true" or is_development(environ)


def _auth_is_on(environ: Mapping[str, str]) -> bool:
    return environ.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true"


def _is_for_this_machine(url: str) -> bool:
    """Return whether a request's URL has a host name of this machine.

    An attacker can point a domain to 127.0.0.1 (DNS rebinding), so that its page calls a development host and sends
    any principal. Only the host name shows that, and Core Tools does not check it. The Functions host puts the Host
    header into the URL (`GetDisplayUrl`).
    """
    try:
        return LOOPBACK.fullmatch(urlsplit(url).netloc) is not None
    except ValueError:  # brackets without an address, which no browser sends, so this isn't DNS rebinding
        return True
