"""The static web app: its state, domains and users."""

from typing import Final

from backend.configuration.mode import Option
from backend.hosting.results.static_web_app import (
    Domain,
    DomainAct,
    Guest,
    Invitation,
    StaticWebAppState,
    UserAct,
    Users,
    Validation,
)
from settings.access.caller import Permission
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

routes = Routes()
ABSENT: Final = Shown(may_lack=True)  # in a container
USER: Final = "9f40b7c2d1e64a58b3a6c5d7e8f90122"


class NewDomain(Body, frozen=True):
    """A domain to add, and the method by which Azure validates its ownership."""

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
    """A user to invite. The link is valid for `hours`."""

    user_details: str
    roles: list[str]
    hours: int
    provider: str = "aad"
    domain: str | None = None
    dry_run: bool = False
    force: bool = False


class Roles(Body, frozen=True):
    """The roles that a user is to have."""

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


@routes.get("ListStaticWebApp", needs=Permission.APP_SETTINGS_READ, shown=ABSENT)
def state(call: Call) -> StaticWebAppState:
    """Show CIPP's static web app with its backend, repository and last build, if it exists."""
    return call.services.hosting.frontend.state()


@routes.get("ListStaticWebAppDomains", needs=Permission.APP_SETTINGS_READ, shown=ABSENT)
def domains(call: Call) -> list[Domain]:
    """List the custom domains, with the exact DNS records that each needs."""
    return call.services.hosting.domains.domains()


@routes.post(
    "ExecStaticWebAppDomainAdd",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Domain": "new.contosomsp.com", "Validation": "cname", "DryRun": True}),
)
def add_domain(call: Call, body: NewDomain) -> DomainAct:
    """Add a custom domain, and show the DNS records to create. Force ignores the plan's limit of domains."""
    return call.services.hosting.domains.add(body.domain, body.validation, dry_run=body.dry_run, force=body.force)


@routes.post(
    "ExecStaticWebAppDomainRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Domain": "cipp.contosomsp.com", "DryRun": True}),
)
def remove_domain(call: Call, body: OldDomain) -> DomainAct:
    """Remove a custom domain."""
    return call.services.hosting.domains.remove(body.domain, dry_run=body.dry_run)


@routes.get("ListStaticWebAppUsers", needs=Permission.APP_SETTINGS_READ, shown=ABSENT)
def users(call: Call) -> Users:
    """List the users with their roles, and the number of seats used."""
    return call.services.hosting.users.users()


@routes.post(
    "ExecStaticWebAppUserInvite",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"UserDetails": "alex@contosomsp.com", "Roles": ["editor"], "Hours": 24, "DryRun": True}),
)
def invite(call: Call, body: Invite) -> Invitation:
    """Invite a user. The link is shown only once and is not stored."""
    guest = Guest(body.user_details, body.provider, body.roles, body.hours, body.domain)
    return call.services.hosting.invitations.invite(guest, dry_run=body.dry_run)


@routes.post(
    "ExecStaticWebAppUserRoles",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"UserId": USER, "Provider": "aad", "Roles": ["editor"], "DryRun": True}),
)
def set_roles(call: Call, body: Roles) -> UserAct:
    """Replace the roles of a user. The last superadmin can't lose that role."""
    return call.services.hosting.users.set_roles(
        user_id=body.user_id, provider=body.provider, roles=body.roles, dry_run=body.dry_run
    )


@routes.post(
    "ExecStaticWebAppUserRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"UserId": USER, "Provider": "aad", "DryRun": True}),
)
def remove_user(call: Call, body: OldUser) -> UserAct:
    """Remove all roles of a user. The last superadmin can't be removed."""
    return call.services.hosting.users.remove(user_id=body.user_id, provider=body.provider, dry_run=body.dry_run)
