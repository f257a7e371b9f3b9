"""CIPP's users in any shape: their roles, and where these come from."""

from backend.configuration.mode import Option
from backend.hosting.results.users import Author, BackendUserAct, BackendUsers, UserWanted
from settings.access.caller import Caller, Permission
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

routes = Routes()


class BackendUserRoles(Body, frozen=True):
    """The roles that a user is to have.

    Provider, Hours and Domain are for a static web app alone: the link of an invitation is valid for `hours`.
    """

    user: str
    roles: list[str]
    provider: str | None = None
    hours: int = 24
    domain: str | None = None
    dry_run: bool = False
    force: bool = False


class FormerUser(Body, frozen=True):
    """A user to remove. A static web app needs Provider only if several users have this name."""

    user: str
    provider: str | None = None
    dry_run: bool = False
    force: bool = False


@routes.get("ListBackendUsers", needs=Permission.APP_SETTINGS_READ)
def users(call: Call) -> BackendUsers:
    """List CIPP's users with their roles, where each role comes from, and what is wrong, in any shape."""
    return call.services.hosting.cipp_users.users()


@routes.post(
    "ExecBackendUserSet",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"User": "pat@contosomsp.com", "Roles": ["editor"], "DryRun": True}),
)
def set_roles(call: Call, body: BackendUserRoles) -> BackendUserAct:
    """Replace the roles of a user. A new one is added to a container, or invited to a static web app."""
    wanted = UserWanted(body.user, body.roles, body.provider, body.hours, body.domain)
    author = author_of(call.caller)
    return call.services.hosting.cipp_users.set_roles(wanted, by=author, dry_run=body.dry_run, force=body.force)


@routes.post(
    "ExecBackendUserRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"User": "kim@contosomsp.com", "DryRun": True}),
)
def remove(call: Call, body: FormerUser) -> BackendUserAct:
    """Remove a user. The last superadmin stays, and on a container also the caller."""
    author = author_of(call.caller)
    return call.services.hosting.cipp_users.remove(
        body.user, body.provider, by=author, dry_run=body.dry_run, force=body.force
    )


def author_of(caller: Caller | None) -> Author:
    """Return who changes a user. An application is not a user of CIPP."""
    if caller is None or caller.is_application:
        return Author()
    return Author(caller.principal.name, caller.user_id)
