"""Which causes a repair of CIPP's sign-in removes, in which order, and which it refuses. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.hosting.container.sign_in.causes import REPAIRABLE, Seen, has_other_app, state_of, why_unusable
from backend.hosting.container.sign_in.problems import IN_VAULT, SETTING, uses_secret
from backend.hosting.results.sign_in import SignInCause, SignInCauseName, SignInStep

_NOT_PUT_BACK: Final = (
    f"clientSecretSettingName was not set to {SETTING}, because users could not sign in with it: {{why}} Renew the "
    f'secret with ExecKeyRotation and Names ["{IN_VAULT}"], and look at {SETTING}. Then repeat this.'
)
_FORCE: Final = "To do it, send Force: true."
_WHICH_APP: Final = (
    "authsettingsV2 and the vault name different apps, so it is unknown which one needs the redirect URIs. Repair "
    "SettingsDamaged first, or name CallbackMissing in Causes to add them to the app of authsettingsV2."
)


@dataclass(frozen=True)
class Request:
    """A repair. Without `causes`, it removes all that are present. `by` is the caller's name."""

    causes: Sequence[SignInCauseName] | None
    dry_run: bool
    force: bool
    by: str = ""


def chosen(seen: Seen, wanted: Sequence[SignInCauseName] | None) -> list[SignInCause]:
    """Return the causes to remove, in the order of the repair. Without `wanted`, those that are certainly present."""
    found = {cause.cause: cause for cause in state_of(seen).causes}
    if wanted is None:
        return [found[name] for name in REPAIRABLE if found[name].present == "yes" and name != "SecretLost"]
    ordered = [name for name in REPAIRABLE if name in wanted]
    return [found[name] for name in dict.fromkeys((*ordered, *wanted))]


def puts_back(request: Request) -> bool:
    """Return whether the caller wants users to sign in with the secret again."""
    return request.force and "SettingsDamaged" in (request.causes or ())


def refusal(cause: SignInCause, seen: Seen, request: Request) -> SignInStep | None:
    """Return the step if a cause is not repaired: nothing is to be done, it is not possible here, or needs Force."""
    text = _why_refused(cause, seen, request)
    return SignInStep(cause=cause.cause, outcome="refused", text=text) if text else None


def _why_refused(cause: SignInCause, seen: Seen, request: Request) -> str:
    """Return why a cause is not repaired, "" if it is."""
    if cause.cause not in REPAIRABLE:
        return cause.cure
    is_missing = cause.present == "no"
    # A setting that names no secret is put back with Force, after users had to do without.
    is_put_back = cause.cause == "SettingsDamaged" and request.force and not uses_secret(seen.settings)
    if is_missing and is_put_back and (why := why_unusable(seen)):
        return _NOT_PUT_BACK.format(why=why)
    if is_missing and not is_put_back and not (cause.cause == "SecretLost" and request.force):
        return f"Nothing to do. {cause.sign}"
    is_named = request.force or request.causes is not None
    if cause.cause == "CallbackMissing" and has_other_app(seen) and not is_named:
        return _WHICH_APP
    if cause.cause == "SecretEnded" and (seen.is_missing or has_other_app(seen)):
        return cause.cure if seen.is_missing else cause.sign
    return f"{cause.sign} {cause.cure} {_FORCE}" if cause.needs_force and not request.force else ""
