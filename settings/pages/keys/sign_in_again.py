"""The sign-in of a person for a refresh token that no rotation can repair. No token is returned."""

from typing import Literal

from backend.configuration.mode import Option
from backend.credentials.sign_in_again.results import FinishOrder, Person, SignInFinish, SignInStart, StartOrder
from backend.values import SecretText
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Routes, Shown

routes = Routes()


class SignInToStart(Body, frozen=True):
    """A refresh token for which a person signs in: RefreshToken, or the tenant ID of a direct tenant.

    `force` has no effect, because nothing is stored.
    """

    name: str
    method: Literal["device", "code"] = "device"
    dry_run: bool = False
    force: bool = False


class SignInToFinish(Body, frozen=True):
    """A sign-in that was started. `pasted` is the address of the page that follows, or the code in it."""

    state: str
    pasted: str | None = None
    dry_run: bool = False
    force: bool = False


@routes.post(
    "ExecKeySignInStart",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"Name": "RefreshToken", "Method": "device", "DryRun": True}),
)
def start(call: Call, body: SignInToStart) -> SignInStart:
    """Start the sign-in of a person for a new refresh token, by device code or in the browser. Nothing is stored."""
    order = StartOrder(body.name, body.method, _person(call), dry_run=body.dry_run)
    return call.services.sign_in_again.start(order)


@routes.post(
    "ExecKeySignInFinish",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"State": "from ExecKeySignInStart", "DryRun": True}),
)
def finish(call: Call, body: SignInToFinish) -> SignInFinish:
    """Check whether the person has signed in. Then verify the new refresh token, and store it."""
    pasted = None if body.pasted is None else SecretText(body.pasted)
    order = FinishOrder(body.state, _person(call), pasted, dry_run=body.dry_run, force=body.force)
    return call.services.sign_in_again.finish(order)


def _person(call: Call) -> Person:
    who = who_of(call.caller)
    return Person(who.name or "unknown", who.user_id)
