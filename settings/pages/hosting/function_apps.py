"""The function apps: list, start, stop and restart them."""

from typing import Final

from msgspec.structs import replace

from backend.configuration.mode import Option
from backend.errors import InvalidInputError
from backend.hosting.results.apps import Action, Consent, Control, FunctionApp
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

routes = Routes()
ONE: Final = Shown(example={"Name": "cippabc12-proc", "DryRun": True})
START: Final = replace(ONE, others=(202,))  # CIPP's container may still be starting


class Target(Body, frozen=True):
    """One app, or all of CIPP's apps. The default is CIPP's main app.

    `Update` allows a start of CIPP's container to update it to the version that the dry run showed. It has no effect
    on function apps, which a start does not update, and on a stop.
    """

    name: str | None = None
    all: bool = False
    dry_run: bool = False
    force: bool = False
    update: str | None = None


@routes.get("ListFunctionApps", needs=Permission.APP_SETTINGS_READ)
def apps(call: Call) -> list[FunctionApp]:
    """List CIPP's main app, its offload apps and this app, with their states."""
    return call.services.hosting.apps.apps()


@routes.post("ExecFunctionAppStart", needs=Permission.SUPER_ADMIN_WRITE, option=Option.CONTROLS, shown=START)
def start(call: Call, body: Target) -> Control:
    """Start an app, or all of CIPP's apps. A container pulls its image: allow an update with Update."""
    return _control(call, body, "start")


@routes.post("ExecFunctionAppStop", needs=Permission.SUPER_ADMIN_WRITE, option=Option.CONTROLS, shown=ONE)
def stop(call: Call, body: Target) -> Control:
    """Stop an app, or all of CIPP's apps. To stop this app itself, set Force."""
    return _control(call, body, "stop")


@routes.post("ExecFunctionAppRestart", needs=Permission.SUPER_ADMIN_WRITE, option=Option.CONTROLS, shown=START)
def restart(call: Call, body: Target) -> Control:
    """Restart an app, or all of CIPP's, and check it. A container pulls its image: allow an update with Update."""
    return _control(call, body, "restart")


def _control(call: Call, body: Target, action: Action) -> Control:
    if body.name is not None and body.all:
        raise InvalidInputError("Invalid All: it can't be combined with Name.", field="All", advice="Send one of them.")
    if body.name is not None and not body.name.strip():
        raise InvalidInputError("Invalid Name: it is empty.", field="Name", advice="For CIPP's main app, leave it out.")
    return call.services.hosting.apps.control(
        action,
        name=body.name,
        every=body.all,
        dry_run=body.dry_run,
        consent=Consent(body.force, body.update, who_of(call.caller).name or ""),
    )
