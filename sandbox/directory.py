"""Entra's directory: tenants, applications and the tokens issued to them."""

import copy
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox import names
from sandbox.application import Application
from sandbox.past import Past
from sandbox.people import People, User
from sandbox.sign_ins import SignIns

REFRESH_TOKEN_LIFETIME: Final = timedelta(days=90)
_TOKEN_BEGINS: Final = f"1.A{names.PLANTED}"
# The app management policy of every new tenant: it restricts nothing.
_DEFAULT_POLICY: Final[dict[str, Any]] = {
    "id": "00000000-0000-0000-0000-000000000000",
    "deletedDateTime": None,
    "displayName": "Default app management tenant policy",
    "description": "Default tenant policy that enforces app management restrictions on applications and "
    "service principals. To apply policy to targeted resources, create a new policy under "
    "appManagementPolicies collection.",
    "isEnabled": False,
    "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
}


@dataclass(frozen=True)
class Tenant:
    """One Entra tenant."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True)
class ServicePrincipal:
    """An application in one tenant. It can sign in there, with the app roles that were granted."""

    app_id: str
    tenant_id: str
    display_name: str
    roles: tuple[str, ...] = ()  # of Microsoft Graph
    scopes: tuple[str, ...] = ()  # delegated, of Microsoft Graph
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    type: str = "Application"
    owners: frozenset[str] = frozenset()  # object IDs
    properties: Mapping[str, Any] = field(default_factory=dict)  # Graph's other properties


@dataclass(frozen=True)
class AppRoleAssignment:
    """A role of an application (`resource_id`) that a user, a group or a service principal has."""

    role_id: str
    principal_id: str
    resource_id: str
    created: datetime | None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))


@dataclass(frozen=True)
class RefreshToken:
    """What a refresh token was issued for."""

    app_id: str
    tenant_id: str
    user: User
    issued: datetime
    mfa: bool = True  # whether the person signed in with MFA


@dataclass
class ManagementPolicy:
    """An app management policy and the applications (by object ID) that it applies to."""

    id: str
    tenant_id: str
    body: dict[str, Any]
    applies_to: list[str] = field(default_factory=list)


@dataclass
class Directory:
    """All tenants and their objects."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)  # by appId
    policies: dict[str, ManagementPolicy] = field(default_factory=dict)
    default_policies: dict[str, dict[str, Any]] = field(default_factory=dict)  # by tenant
    people: People = field(default_factory=People)
    role_assignments: list[AppRoleAssignment] = field(default_factory=list)
    past: Past[Application] = field(default_factory=Past)  # earlier applications, for reads that lag
    sign_ins: SignIns = field(default_factory=SignIns)
    _principals: dict[tuple[str, str], ServicePrincipal] = field(default_factory=dict)  # by appId and tenant
    _refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict, repr=False)

    def tenant(self, name: str) -> Tenant | None:
        """Find a tenant by GUID or domain (case-insensitive)."""
        wanted = name.lower()
        by_id = self.tenants.get(wanted)
        return by_id or next((t for t in self.tenants.values() if wanted == t.domain.lower()), None)

    def change(self, app: Application, now: datetime) -> None:
        """Replace the application of the same `app_id`."""
        self.past.replaced(app.app_id, self.applications[app.app_id], now)
        self.applications[app.app_id] = app

    def register(self, app: Application) -> None:
        """Add an application."""
        self.applications[app.app_id] = app

    def remove(self, app: Application) -> None:
        """Remove an application and its service principals."""
        del self.applications[app.app_id]
        gone = {key for key in self._principals if key[0] == app.app_id}
        ids = {self._principals.pop(key).id for key in gone}
        self.role_assignments = [one for one in self.role_assignments if one.resource_id not in ids]

    def grant(self, principal_id: str, role: str) -> None:
        """Give a service principal a role of Microsoft Graph."""
        self._set_roles(principal_id, lambda roles: (*roles, role))

    def take(self, principal_id: str, role: str) -> None:
        """Take a role of Microsoft Graph from a service principal."""
        self._set_roles(principal_id, lambda roles: tuple(one for one in roles if one != role))

    def _set_roles(self, principal_id: str, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        for key, principal in self._principals.items():
            if principal.id == principal_id:
                self._principals[key] = replace(principal, roles=change(principal.roles))

    def read_applications(self, now: datetime) -> list[Application]:
        """Return all applications as Graph reads them. The result can be out of date."""
        return [self.past.seen(app_id, app, now) for app_id, app in self.applications.items()]

    def service_principal(self, app_id: str, tenant_id: str) -> ServicePrincipal | None:
        """Return an application's service principal in a tenant, or None if the tenant has not consented."""
        return self._principals.get((app_id.lower(), tenant_id))

    def knows(self, object_id: str) -> bool:
        """Return whether a service principal, a user or a group has the object ID."""
        principals = {principal.id for principal in self._principals.values()}
        return object_id in principals or object_id in self.people.persons or object_id in self.people.groups

    @property
    def service_principals(self) -> list[ServicePrincipal]:
        """Return all of them, in the order in which they were added."""
        return list(self._principals.values())

    def issue_refresh_token(self, token: RefreshToken) -> str:
        """Issue a refresh token. Earlier tokens stay valid."""
        text = f"{_TOKEN_BEGINS}{secrets.token_urlsafe(690)}"
        self._refresh_tokens[text] = token
        return text

    def accept_refresh_token(self, text: str, token: RefreshToken) -> None:
        """Accept a refresh token that an earlier sandbox issued as if this one had issued it."""
        self._refresh_tokens[text] = token

    def account(self, name: str, tenant_id: str) -> User | None:
        """Find an account of a tenant by its user principal name: a person, or one that has a refresh token there."""
        if person := self.people.person(name, tenant_id):
            return User(person.id, person.name)
        tokens = self._refresh_tokens.values()
        known = (token.user for token in tokens if token.tenant_id == tenant_id)
        return next((user for user in known if user.name.lower() == name.lower()), None)

    def refresh_token(self, text: str) -> RefreshToken | None:
        """Return what the refresh token `text` was issued for."""
        return self._refresh_tokens.get(text)

    def add(self, *, tenants: Iterable[Tenant] = (), principals: Iterable[ServicePrincipal] = ()) -> None:
        """Add tenants and service principals."""
        for tenant in tenants:
            self.tenants[tenant.id] = tenant
            self.default_policies[tenant.id] = copy.deepcopy(_DEFAULT_POLICY)
        self._principals.update({(principal.app_id, principal.tenant_id): principal for principal in principals})

    def snapshot(self) -> dict[str, Any]:
        """Return what `/sandbox/state` shows."""
        return {"applications": {app_id: app.snapshot() for app_id, app in self.applications.items()}}


def is_refresh_token(text: str) -> bool:
    """Return whether a text looks like a refresh token of the sandbox."""
    return text.startswith(_TOKEN_BEGINS)
