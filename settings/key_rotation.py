"""The rotation of the vault's keys: by hand, and every Sunday."""

from backend.backend import Backend
from backend.errors import InvalidInputError
from backend.rotation.report import Rotation
from settings.access import Permission
from settings.body import Body
from settings.http import Call, Routes

routes = Routes()


class Rotate(Body, frozen=True):
    """Which keys (all if none is named), and how."""

    names: list[str] | None = None
    dry_run: bool = False
    force: bool = False


@routes.post("ExecKeyRotation", needs=Permission.APP_SETTINGS_WRITE)
def rotate(call: Call, body: Rotate) -> Rotation:
    """Rotate the keys that are due, each proven before it is stored; Force rotates those that are not due, too."""
    if body.names is not None and not body.names:
        raise InvalidInputError("Names is empty; leave it out for all keys.", field="Names")
    who = call.caller.user_details if call.caller else ""
    return call.backend.key_rotation.rotate(by=who, names=body.names, dry_run=body.dry_run, force=body.force)


@routes.timer("WeeklyKeyRotation", "0 0 0 * * 0")
def weekly(backend: Backend) -> None:
    """Rotate every Sunday at 00:00 UTC."""
    backend.key_rotation.rotate_by_timer()
