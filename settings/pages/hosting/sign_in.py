"""Why users can't sign in to CIPP, and the repair."""

from functools import partial
from typing import TYPE_CHECKING, Final

from backend.configuration.mode import Option
from backend.hosting.results.sign_in import RenewedSecret, SignInCauseName, SignInRepair, SignInState
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

if TYPE_CHECKING:
    from backend.rotation.service import KeyRotation

routes = Routes()
_NOT_SET_UP: Final = "The vault has no SSOAppSecret. Set up the sign-in on CIPP's page of SSO."


class Repair(Body, frozen=True):
    """The causes to remove. By default, those that are certainly present, without SecretLost."""

    causes: list[SignInCauseName] | None = None
    dry_run: bool = False
    force: bool = False


@routes.get("ListBackendSignIn", needs=Permission.APP_SETTINGS_READ, shown=Shown(may_lack=True))
def state(call: Call) -> SignInState:
    """List why users can't sign in to CIPP as a container, and the cure of each cause."""
    return call.services.hosting.sign_in.state()


@routes.post(
    "ExecBackendSignInRepair",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Causes": ["CallbackMissing"], "DryRun": True}, others=(202,)),
)
def repair(call: Call, body: Repair) -> SignInRepair:
    """Repair the sign-in of CIPP as a container. It may restart CIPP, and so update it."""
    by = who_of(call.caller).name or "unknown"
    rotation = call.services.key_rotation
    return call.services.hosting.sign_in.repair(
        body.causes, partial(_renewed, rotation, by), dry_run=body.dry_run, force=body.force, by=by
    )


def _renewed(rotation: "KeyRotation", by: str) -> RenewedSecret:
    report = rotation.renew_sign_in(by)
    if report is None:
        return RenewedSecret(is_renewed=False, is_failure=False, text=_NOT_SET_UP)
    outcome = report.outcome
    return RenewedSecret(outcome == "rotated", outcome == "failed", report.text, is_needed=outcome != "unchanged")
