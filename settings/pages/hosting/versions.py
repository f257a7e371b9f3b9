"""The versions of CIPP as a container: show them, and set another one."""

from typing import Final

from backend.configuration.mode import Option
from backend.hosting.results.apps import Consent
from backend.hosting.results.versions import BackendVersions, VersionAct, VersionWanted
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

routes = Routes()
SET: Final = Shown(example={"Version": "10.8.4", "RollBack": True, "DryRun": True}, others=(202,))


class VersionSet(Body, frozen=True):
    """The channel (`latest`, `dev`, `nightly` or the tag of a branch build) or the released version to set.

    With `RollBack`, the former version is set again if the pull fails, the container ends, or CIPP is not ready in
    time.
    `Force` allows more starts than CIPP's host tolerates, and ends a change that is still running.
    It also goes on without a copy of CIPP's tables if they can't be copied.
    """

    channel: str | None = None
    version: str | None = None
    roll_back: bool = False
    dry_run: bool = False
    force: bool = False


@routes.get("ListBackendVersions", needs=Permission.APP_SETTINGS_READ, shown=Shown(may_lack=True))
def versions(call: Call) -> BackendVersions:
    """Show which version of CIPP runs, which are published, when CIPP updates itself, and where to go back to."""
    return call.services.hosting.versions.state()


@routes.post("ExecBackendVersionSet", needs=Permission.SUPER_ADMIN_WRITE, option=Option.CONTROLS, shown=SET)
def set_version(call: Call, body: VersionSet) -> VersionAct:
    """Set the channel or version of a container, which restarts CIPP. RollBack goes back if it does not start."""
    return call.services.hosting.versions.set(
        VersionWanted(body.channel, body.version),
        roll_back=body.roll_back,
        dry_run=body.dry_run,
        consent=Consent(body.force, by=who_of(call.caller).name or ""),
    )
