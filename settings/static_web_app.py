"""The static web app: its state, domains and users."""

from typing import Final

from backend.static_web_app import StaticWebAppState
from backend.static_web_app_domains import Domain, DomainAct, Validation
from backend.static_web_app_invitations import Guest, Invitation
from backend.static_web_app_users import UserAct, Users
from settings.access import Permission
from settings.body import Body
from settings.routes import Call, Routes, Shown

routes = Routes()
USER: Final = "9f40b7c2d1e64a58b3a6c5d7e8f90122"


class NewDomain(Body, frozen=True):
    """A domain to add, and how Azure is to see that it is ours."""

    domain: str
    validation: Validation = "cname"
    dry_run: bool = False
    force: bool = False


class OldDomain(Body, frozen=True):
    """A domain to remove."""

    domain: str
    dry_run: bool = False
    force: bool = False


class Invite(Body, frozen=True):
    """A user to invite, for so many hours."""

    user_details: str
    roles: list[str]
    hours: int
    provider: str = "aad"
    domain: str | None = None
    dry_run: bool = False
    force: bool = False


class Roles(Body, frozen=True):
    """The roles that a user shall have."""

    user_id: str
    provider: str
    roles: list[str]
    dry_run: bool = False
    force: bool = False


class OldUser(Body, frozen=True):
    """A user to remove."""

    user_id: str
    provider: str
    dry_run: bool = False
    force: bool = False


@routes.get("ListStaticWebApp", needs=Permission.APP_SETTINGS_READ)
def state(call: Call) -> StaticWebAppState:
    """Show CIPP's static web app, its backend, repository and last build; or that there is none."""
    return call.backend.static_web_app.state()


@routes.get("ListStaticWebAppDomains", needs=Permission.APP_SETTINGS_READ)
def domains(call: Call) -> list[Domain]:
    """List the custom domains, and the exact DNS record that each still needs."""
    return call.backend.static_web_app_domains.domains()


@routes.post(
    "ExecStaticWebAppDomainAdd",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"Domain": "new.contosomsp.com", "Validation": "cname", "DryRun": True}),
)
def add_domain(call: Call, body: NewDomain) -> DomainAct:
    """Add a custom domain, and answer at once with the record to make."""
    return call.backend.static_web_app_domains.add(body.domain, body.validation, dry_run=body.dry_run)


@routes.post(
    "ExecStaticWebAppDomainRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"Domain": "cipp.contosomsp.com", "DryRun": True}),
)
def remove_domain(call: Call, body: OldDomain) -> DomainAct:
    """Remove a custom domain."""
    return call.backend.static_web_app_domains.remove(body.domain, dry_run=body.dry_run)


@routes.get("ListStaticWebAppUsers", needs=Permission.APP_SETTINGS_READ)
def users(call: Call) -> Users:
    """List who has which role, and the seats used."""
    return call.backend.static_web_app_users.users()


@routes.post(
    "ExecStaticWebAppUserInvite",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"UserDetails": "alex@contosomsp.com", "Roles": ["editor"], "Hours": 24, "DryRun": True}),
)
def invite(call: Call, body: Invite) -> Invitation:
    """Invite a user; the link is given once and kept nowhere."""
    guest = Guest(body.user_details, body.provider, body.roles, body.hours, body.domain)
    return call.backend.static_web_app_invitations.invite(guest, dry_run=body.dry_run)


@routes.post(
    "ExecStaticWebAppUserRoles",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"UserId": USER, "Provider": "aad", "Roles": ["editor"], "DryRun": True}),
)
def set_roles(call: Call, body: Roles) -> UserAct:
    """Give a user these roles and no others; never the last superadmin's away."""
    return call.backend.static_web_app_users.set_roles(
        user_id=body.user_id, provider=body.provider, roles=body.roles, dry_run=body.dry_run
    )


@routes.post(
    "ExecStaticWebAppUserRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"UserId": USER, "Provider": "aad", "DryRun": True}),
)
def remove_user(call: Call, body: OldUser) -> UserAct:
    """Take all roles from a user; never from the last superadmin."""
    return call.backend.static_web_app_users.remove(user_id=body.user_id, provider=body.provider, dry_run=body.dry_run)
