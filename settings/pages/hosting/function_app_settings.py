"""The settings and deployments of function apps, and CIPP's time zone."""

from typing import Final

import msgspec

from backend.cipp.results import TimeZoneAct
from backend.configuration.mode import Option
from backend.hosting.results.apps import Consent, Deployments, Setting, SettingsAct, SyncAct
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
APP: Final = Parameter("Name", "An app of this deployment. The default is CIPP's main app.", "cippabc12-proc")


class Change(Body, frozen=True):
    """The settings to set and to remove. All other settings are kept.

    `Update` allows CIPP's container to update to the version that the dry run showed, because a write restarts it.
    Function apps are not updated by a restart, so `Update` has no effect on them.
    """

    name: str | None = None
    set: dict[str, str] = {}  # noqa: RUF012 - msgspec copies the default
    remove: list[str] = []  # noqa: RUF012 - msgspec copies the default
    dry_run: bool = False
    force: bool = False
    update: str | None = None


class App(Body, frozen=True):
    """An app. The default is CIPP's main app."""

    name: str | None = None
    dry_run: bool = False
    force: bool = False


class Zone(Body, frozen=True):
    """A time zone by its IANA or Windows name. The IANA name is stored."""

    timezone: str
    dry_run: bool = False
    force: bool = False


class TimeSettings(TimeZoneAct, frozen=True, kw_only=True):
    """CIPP's own format of this response. `Results` is a sentence, which CIPP's page shows."""

    results: str


@routes.get("ListFunctionAppSettings", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(APP,)))
def settings(call: Call) -> list[Setting]:
    """List the settings of an app, with masked values."""
    return call.services.hosting.settings.settings(call.query.get("name"))


@routes.post(
    "ExecFunctionAppSettings",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Set": {"CIPP_EXAMPLE": "1"}, "Remove": ["CIPP_FORMER"], "DryRun": True}),
)
def change(call: Call, body: Change) -> SettingsAct:
    """Set and remove settings of an app, and keep all others. The change restarts the app (see Update)."""
    return call.services.hosting.settings.change(
        body.name,
        to_set=body.set,
        remove=body.remove,
        dry_run=body.dry_run,
        consent=Consent(body.force, body.update, who_of(call.caller).name or ""),
    )


@routes.post(
    "ExecTimeSettings",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Timezone": "Europe/Amsterdam", "DryRun": True}),
    enveloped=False,
)
def zone(call: Call, body: Zone) -> TimeSettings:
    """Set CIPP's time zone. Every instance of this app uses it within a second."""
    note = call.services.hosting.processes.zone_note
    act = call.services.time_zone.set(body.timezone, dry_run=body.dry_run, note=note)
    sentence = " ".join(["Dry run, nothing was changed.", *act.would_do] if act.dry_run else act.done)
    return TimeSettings(results=sentence, **msgspec.structs.asdict(act))


@routes.get(
    "ListFunctionAppDeployments",
    needs=Permission.APP_SETTINGS_READ,
    shown=Shown(query=(APP,), may_lack=True),  # in a container
)
def deployments(call: Call) -> Deployments:
    """Show the repository and deployments of an app, and whether CIPP's apps run the same version."""
    return call.services.hosting.code.deployments(call.query.get("name"))


@routes.post(
    "ExecFunctionAppDeploymentSync",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Name": "cippabc12", "DryRun": True}),
)
def sync(call: Call, body: App) -> SyncAct:
    """Sync an app with its fork."""
    return call.services.hosting.code.sync(body.name, dry_run=body.dry_run, force=body.force)
