"""The rotation of the vault's keys: by hand, and every Sunday."""

import os
import re
from typing import Final

from backend.backend import Backend
from backend.errors import InvalidInputError
from backend.rotation.report import KeyOverview, KeyProof, Rotation
from backend.setting_kinds import is_schedule
from settings.access import Permission
from settings.body import Body
from settings.record import who_of
from settings.routes import Call, Parameter, Routes, Shown

routes = Routes()
# The host refuses a function whose schedule names an app setting that is not there, or that is not a schedule: then no
# key would be rotated. The links warn of such a setting.
SCHEDULE = "%KEY_ROTATION_SCHEDULE%" if is_schedule(os.environ.get("KEY_ROTATION_SCHEDULE", "")) else "0 0 0 * * 0"


RUN: Final = Parameter(
    "RunId",
    "A run of the last 90 days, 12 hexadecimal digits: `Runs` holds this run alone, with its `Keys`. Without it `Runs` "
    "holds the last ten, and of these the latest has its `Keys`.",
)


class Rotate(Body, frozen=True):
    """Which keys (all if none is named), and how."""

    names: list[str] | None = None
    dry_run: bool = False
    force: bool = False


class Prove(Body, frozen=True):
    """Which keys; all if none is named."""

    names: list[str] | None = None


@routes.post(
    "ExecKeyRotation",
    needs=Permission.APP_SETTINGS_WRITE,
    shown=Shown(example={"Names": ["RefreshToken"], "DryRun": True}),
)
def rotate(call: Call, body: Rotate) -> Rotation:
    """Rotate the keys that are due. With Force, which needs CIPP.SuperAdmin.ReadWrite, rotate the others, too."""
    _check_names(body.names)
    if body.force and call.caller:
        call.caller.must_have(Permission.SUPER_ADMIN_WRITE, "ExecKeyRotation")
    return call.backend.key_rotation.rotate(
        by=who_of(call.caller).name or "unknown",
        names=body.names,
        dry_run=body.dry_run,
        force=body.force,
        may_restart=call.caller is not None and call.caller.may(Permission.SUPER_ADMIN_WRITE, "ExecKeyRotation"),
    )


@routes.post("ExecKeyProof", needs=Permission.APP_SETTINGS_READ, shown=Shown(example={"Names": ["RefreshToken"]}))
def prove(call: Call, body: Prove) -> list[KeyProof]:
    """Sign in with each key now and change nothing."""
    _check_names(body.names)
    return call.backend.key_rotation.prove(body.names)


@routes.get("ListKeyRotations", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(RUN,)))
def overview(call: Call) -> KeyOverview:
    """Return how long CIPP keeps working, the last runs or the one of RunId, and each key's state."""
    run_id = call.query.get("runid", "").lower()
    if run_id and not re.fullmatch("[0-9a-f]{12}", run_id):
        raise InvalidInputError(
            "Invalid RunId: it must be 12 hexadecimal digits. ListKeyRotations without RunId lists the last runs.",
            field="RunId",
        )
    return call.backend.key_rotation.overview(run_id or None)


@routes.timer("WeeklyKeyRotation", SCHEDULE)
def weekly(backend: Backend) -> None:
    """Do the week's run, Sunday 00:00 UTC unless KEY_ROTATION_SCHEDULE says otherwise."""
    backend.rotation_by_clock.weekly()


@routes.timer("KeyRotationCatchUp", "0 20 * * * *")
def catch_up(backend: Backend) -> None:
    """Finish every hour what the week's run left, and prove keys that were not proven for long."""
    backend.rotation_by_clock.catch_up()


def _check_names(names: list[str] | None) -> None:
    if names is not None and not names:
        raise InvalidInputError("Names is empty; leave it out for all keys.", field="Names")
