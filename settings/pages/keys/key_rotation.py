"""The rotation of the vault's keys, on request and every Sunday."""

import os
import re
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.configuration.mode import Option
from backend.configuration.schedules import Schedule
from backend.errors import InvalidInputError
from backend.rotation.results import KeyOverview, KeyProof, KeyRuns, Rotation
from backend.services import Services
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
# The host doesn't load a function whose schedule is a missing app setting or not a valid schedule. Then no key would be
# rotated, so the default applies, and ExecBackendURLs warns about the setting.
SCHEDULE = "%KEY_ROTATION_SCHEDULE%" if Schedule.of(os.environ.get("KEY_ROTATION_SCHEDULE", "")) else "0 0 0 * * 0"


RUN: Final = Parameter(
    "RunId",
    "The ID of a run of the last 26 weeks, 12 hexadecimal digits. `Runs` then contains only this run, with its `Keys`. "
    "By default, `Runs` contains the last ten runs, and only the latest has its `Keys`.",
)
ONE_RUN: Final = Parameter(
    "RunId",
    "The ID of a run, 12 hexadecimal digits. `Runs` then contains only this run, with its `Keys`. By default, `Runs` "
    "contains the runs of the last 26 weeks without their `Keys`.",
)


class Rotate(Body, frozen=True):
    """The keys to rotate. The default is all keys."""

    names: list[str] | None = None
    dry_run: bool = False
    force: bool = False


class Prove(Body, frozen=True):
    """The keys to check. The default is all keys."""

    names: list[str] | None = None


@routes.post(
    "ExecKeyRotation",
    needs=Permission.APP_SETTINGS_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"Names": ["RefreshToken"], "DryRun": True}),
)
def rotate(call: Call, body: Rotate) -> Rotation:
    """Rotate the keys that are due. Force also rotates the others, and requires CIPP.SuperAdmin.ReadWrite."""
    _check_names(body.names)
    if body.force and call.caller:
        call.caller.must_have(Permission.SUPER_ADMIN_WRITE, "ExecKeyRotation")
    return call.services.key_rotation.rotate(
        by=who_of(call.caller).name or "unknown",
        names=body.names,
        dry_run=body.dry_run,
        force=body.force,
        may_restart=call.caller is not None and call.caller.may(Permission.SUPER_ADMIN_WRITE, "ExecKeyRotation"),
    )


@routes.post(
    "ExecKeyProof",
    needs=Permission.APP_SETTINGS_READ,
    option=None,
    shown=Shown(example={"Names": ["RefreshToken"]}),
)
def prove(call: Call, body: Prove) -> list[KeyProof]:
    """Check whether each key can sign in now. Nothing is changed."""
    _check_names(body.names)
    return call.services.key_rotation.prove(body.names)


@routes.get("ListKeyRotations", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(RUN,)))
def overview(call: Call) -> KeyOverview:
    """Show how long CIPP's keys are valid, the last runs or the one of RunId, and the state of each key."""
    return call.services.key_rotation.overview(_run_id(call))


@routes.get("ListKeyRotationRuns", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(ONE_RUN,)))
def runs(call: Call) -> KeyRuns:
    """List the runs of the last 26 weeks with their counts, or show what the one of RunId did to each key and why."""
    return call.services.key_rotation.runs(_run_id(call))


def _run_id(call: Call) -> str | None:
    run_id = call.query.get("runid", "").lower()
    if run_id and not re.fullmatch("[0-9a-f]{12}", run_id):
        raise InvalidInputError(
            "Invalid RunId: it must be 12 hexadecimal digits.",
            field="RunId",
            advice="Call ListKeyRotations without RunId to list the last runs.",
        )
    return run_id or None


@routes.timer("WeeklyKeyRotation", SCHEDULE)
def weekly(services: Services) -> None:
    """Run the weekly rotation, on Sunday at 00:00 UTC or by KEY_ROTATION_SCHEDULE."""
    services.rotation_by_clock.weekly()


@routes.timer("KeyRotationCatchUp", "0 20 * * * *")
def catch_up(services: Services) -> None:
    """Complete every hour what the weekly run left, and check keys that were not checked for a day."""
    from backend.configuration.function_timeout import function_seconds  # noqa: PLC0415 - used only by this timer

    host_stops = Deadline.after(function_seconds(services.environ))
    services.break_glass.by_timer()
    services.installation_states.remember()
    services.completion.by_timer()
    try:
        listed = services.rotation_by_clock.catch_up(host_stops)
    except BaseException:
        services.watch.log_state(None, host_stops)
        raise
    services.watch.log_state(listed, host_stops)


def _check_names(names: list[str] | None) -> None:
    if names is not None and not names:
        raise InvalidInputError("Invalid Names: it is empty.", field="Names", advice="For all keys, leave it out.")
