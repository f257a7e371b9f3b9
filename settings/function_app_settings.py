"""The function apps' settings, deployments, and CIPP's time zone."""

from typing import Final

import msgspec

from backend.deployments import Deployments, SyncAct
from backend.function_app_settings import Setting, SettingsAct
from backend.time_zone import TimeZoneAct
from settings.access import Permission
from settings.body import Body
from settings.routes import Call, Parameter, Routes, Shown

routes = Routes()
APP: Final = Parameter("Name", "One app of this deployment; CIPP's main app without.", "cippabc12-proc")


class Change(Body, frozen=True):
    """Settings to set and to remove; every other one stays."""

    name: str | None = None
    set: dict[str, str] = {}  # noqa: RUF012 - msgspec copies the default
    remove: list[str] = []  # noqa: RUF012 - the same
    dry_run: bool = False
    force: bool = False


class App(Body, frozen=True):
    """One app; the main app if none is named."""

    name: str | None = None
    dry_run: bool = False
    force: bool = False


class Zone(Body, frozen=True):
    """A time zone by its IANA name."""

    timezone: str
    dry_run: bool = False
    force: bool = False


class TimeSettings(TimeZoneAct, frozen=True, kw_only=True):
    """The answer in CIPP's own shape: `Results` is a sentence, which its page shows, and the rest stands beside it."""

    results: str


@routes.get("ListFunctionAppSettings", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(APP,)))
def settings(call: Call) -> list[Setting]:
    """List the settings of the app that the query's Name names (the main app without), values masked."""
    return call.backend.function_app_settings.settings(call.query.get("name"))


@routes.post(
    "ExecFunctionAppSettings",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"Set": {"CIPP_EXAMPLE": "1"}, "Remove": ["CIPP_FORMER"], "DryRun": True}),
)
def change(call: Call, body: Change) -> SettingsAct:
    """Set and remove settings of an app and keep all others; the write restarts the app."""
    return call.backend.function_app_settings.change(
        body.name, to_set=body.set, remove=body.remove, dry_run=body.dry_run, force=body.force
    )


@routes.post(
    "ExecTimeSettings",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"Timezone": "Europe/Amsterdam", "DryRun": True}),
    enveloped=False,
)
def zone(call: Call, body: Zone) -> TimeSettings:
    """Set CIPP's time zone, for every instance within a second."""
    act = call.backend.time_zone.set(body.timezone, dry_run=body.dry_run)
    said = " ".join(["Dry run, nothing was changed.", *act.would_do] if act.dry_run else act.done)
    return TimeSettings(results=said, **msgspec.structs.asdict(act))


@routes.get("ListFunctionAppDeployments", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(APP,)))
def deployments(call: Call) -> Deployments:
    """Show an app's repository and deployments, and whether CIPP's apps run the same version."""
    return call.backend.deployments.deployments(call.query.get("name"))


@routes.post(
    "ExecFunctionAppDeploymentSync",
    needs=Permission.SUPER_ADMIN_WRITE,
    shown=Shown(example={"Name": "cippabc12", "DryRun": True}),
)
def sync(call: Call, body: App) -> SyncAct:
    """Sync an app with its fork, and say what happened."""
    return call.backend.deployments.sync(body.name, dry_run=body.dry_run, force=body.force)
