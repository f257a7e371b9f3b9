"""The function apps: list, start, stop, restart."""

from typing import Final

from backend.errors import InvalidInputError
from backend.function_apps import Action, Control, FunctionApp
from settings.access import Permission
from settings.body import Body
from settings.routes import Call, Routes, Shown

routes = Routes()
ONE: Final = Shown(example={"Name": "cippabc12-proc", "DryRun": True})


class Target(Body, frozen=True):
    """Which app (the main app if none is named), or all of CIPP's, and how."""

    name: str | None = None
    all: bool = False
    dry_run: bool = False
    force: bool = False


@routes.get("ListFunctionApps", needs=Permission.APP_SETTINGS_READ)
def apps(call: Call) -> list[FunctionApp]:
    """List CIPP's main app, its offload apps, and the app that answers, each with its state."""
    return call.backend.function_apps.apps()


@routes.post("ExecFunctionAppStart", needs=Permission.SUPER_ADMIN_WRITE, shown=ONE)
def start(call: Call, body: Target) -> Control:
    """Start an app."""
    return _control(call, body, "start")


@routes.post("ExecFunctionAppStop", needs=Permission.SUPER_ADMIN_WRITE, shown=ONE)
def stop(call: Call, body: Target) -> Control:
    """Stop an app; the one that answers only with Force."""
    return _control(call, body, "stop")


@routes.post("ExecFunctionAppRestart", needs=Permission.SUPER_ADMIN_WRITE, shown=ONE)
def restart(call: Call, body: Target) -> Control:
    """Restart an app and say what ARM shows of it, within 20 seconds; the one that answers only with Force."""
    return _control(call, body, "restart")


def _control(call: Call, body: Target, action: Action) -> Control:
    if body.name is not None and body.all:
        raise InvalidInputError("Name one app or All, not both.", field="All")
    if body.name is not None and not body.name.strip():
        raise InvalidInputError("The name is empty; leave it out for the main app.", field="Name")
    return call.backend.function_apps.control(
        action, name=body.name, every=body.all, dry_run=body.dry_run, force=body.force
    )
