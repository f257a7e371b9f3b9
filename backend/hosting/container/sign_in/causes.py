"""For which causes users can't sign in to CIPP as a container, by what was seen, and the cure of each. Pure.

Source: the contract of CIPP as a container, its chapter on being locked out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from msgspec.structs import replace

from backend.hosting.container.sign_in.address_rules import AddressRules
from backend.hosting.container.sign_in.auth_settings import (
    SignInNames,
    damages,
    is_of_another_app,
    is_on,
    names_another_app,
)
from backend.hosting.container.sign_in.problems import IN_VAULT, SETTING, ReferenceState, uses_secret
from backend.hosting.results.sign_in import SignInCause, SignInCauseName, SignInState
from backend.installation.states.container import client_id_of
from backend.sam_app.redirect_uris import callback_of

Present = Literal["yes", "no", "unknown"]
# In the order of a repair. The secret that users can do without comes last, and only if it is named.
REPAIRABLE: Final[tuple[SignInCauseName, ...]] = (
    "SignInOff",
    "SettingsDamaged",
    "SecretEnded",
    "ReferenceNotResolved",
    "CallbackMissing",
    "SecretLost",
)
# If one of these is present, no user can sign in. If it is unknown, so is whether they can.
FOR_ALL: Final = ("SignInOff", "SettingsDamaged", "AppDeleted", "SecretEnded", "ReferenceNotResolved")
_OFF: Final = (
    "Restrict access to the app first: portal, Networking of the app, Public network access. While sign-in is off, "
    "anyone on the internet may call CIPP's API. Then turn it on with ExecBackendSignInRepair."
)
_DAMAGED: Final = "Write authsettingsV2 again from the vault's values with ExecBackendSignInRepair."
_DELETED: Final = (
    "Restore the app within 30 days of its deletion: Entra admin center, App registrations, Deleted applications. "
    "After that, CIPP's sign-in must be set up again: docs/runbooks/sign-in-of-a-container.md#the-app-is-deleted."
)
OTHER_APP: Final = (
    f"authsettingsV2 and the vault name different apps, so it is unknown whose secret {IN_VAULT} is. Repair "
    "SettingsDamaged, or correct SSOAppId, and look again."
)
_MISSING: Final = (
    f"Recover {IN_VAULT} with ExecKeyVaultSecretRecover, and look again. If it can't be recovered, create a secret for "
    "the app in the Entra admin center, and store it with ExecKeyVaultSecretSet."
)
_ENDED: Final = f"Renew {IN_VAULT} with ExecBackendSignInRepair. It creates a new secret, verifies and stores it."
_NOT_RESOLVED: Final = (
    f"Check that the app's identity may get secrets of the vault, that the vault's name in {SETTING} is right, and "
    f"that {IN_VAULT} is enabled. Then let App Service read it again with ExecBackendSignInRepair."
)
_SET: Final = (
    f"Set {SETTING} of the container to @Microsoft.KeyVault(VaultName=<vault>;SecretName={IN_VAULT}). This restarts "
    "CIPP, and may update it. ExecBackendSignInRepair with this cause returns the script."
)
_CALLBACKS: Final = "Add the redirect URIs with ExecBackendSignInRepair. A restart adds them, too."
_NO_SUPERADMIN: Final = (
    "Set RESTORE_SUPERADMIN of this app to the user's name: docs/runbooks/sign-in-of-a-container.md#no-superadmin."
)
_IP: Final = (
    "If the response of CIPP is 403, sign in as a superadmin, whom CIPP never restricts, and correct the ranges of the "
    "roles. Rules of App Service are in the portal, Networking of the app, Public network access."
)
_NO_RULE: Final = "Neither CIPP's table AccessIPRanges nor App Service restricts addresses."
_WHERE: Final = "From which address a user calls is unknown."
_LOST: Final = (
    "If the secret can't be renewed and users must enter now, let them sign in by ID tokens: ExecBackendSignInRepair "
    "with Causes SecretLost and Force. It was never tried on a real CIPP."
)


class Verdict(Enum):
    """Whether a secret signs in as CIPP's sign-in app."""

    WORKS = "works"
    ENDED = "expired or wrong"
    NO_APP = "the tenant does not have the app"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Seen:
    """What was seen of the sign-in. What can't be read is None, and `unread` has why, by its name.

    - `names` are the vault's values. `reference` is None, too, if the setting is not a reference (`is_reference`).
    - `served` is the vault's newest version of the secret, and `verdict` whether it signs in. `active` is the same of
      the version that App Service uses, if it is another one.
    - `has_setting`: whether CIPP has the setting, if it is not a reference.
    - `addresses` are the rules that restrict from where users reach CIPP.
    - `is_missing`: the vault does not have the secret, so it is neither created nor renewed here.
    - `missing_callbacks` are the hosts without one. `superadmins` is how many users are a superadmin by a person.
    """

    settings: Mapping[str, Any]
    names: SignInNames | None = None
    is_reference: bool | None = None
    reference: ReferenceState | None = None
    served: str | None = None
    verdict: Verdict = Verdict.UNKNOWN
    active: Verdict = Verdict.UNKNOWN
    missing_callbacks: Sequence[str] | None = None
    has_app: bool | None = None
    superadmins: int | None = None
    addresses: AddressRules | None = None
    is_missing: bool = False
    has_setting: bool | None = None
    unread: Mapping[str, str] = field(default_factory=dict)


def state_of(seen: Seen) -> SignInState:
    """Return the causes, the most severe first."""
    causes = [cause(seen) for cause in _CAUSES]
    for_all = [cause.present for cause in causes if cause.cause in FOR_ALL]
    works = False if "yes" in for_all else None if "unknown" in for_all else True
    return SignInState(works=works, causes=causes)


def _cause(name: SignInCauseName, present: Present, sign: str, cure: str, *, needs_force: bool = False) -> SignInCause:
    return SignInCause(
        cause=name, present=present, sign=sign, cure=cure, repairable=name in REPAIRABLE, needs_force=needs_force
    )


def _off(seen: Seen) -> SignInCause:
    if not seen.settings:
        return _cause("SignInOff", "unknown", "Azure does not show the authentication settings.", _OFF)
    is_off = not is_on(seen.settings) or not client_id_of(seen.settings)
    sign = "App Service authentication of CIPP is off, or names no app." if is_off else "It is on."
    return _cause("SignInOff", "yes" if is_off else "no", sign, _OFF)


def _damaged(seen: Seen) -> SignInCause:
    if not seen.settings:
        return _cause("SettingsDamaged", "unknown", "Azure does not show the authentication settings.", _DAMAGED)
    found = damages(seen.settings, seen.names)
    if not found and seen.names is None:
        return _cause("SettingsDamaged", "unknown", _why(seen, "names"), _DAMAGED)
    needs_force = seen.names is not None and is_of_another_app(seen.settings, seen.names)
    sign = " ".join(found) or "authsettingsV2 names the vault's app."
    return _cause("SettingsDamaged", "yes" if found else "no", sign, _DAMAGED, needs_force=needs_force)


def _deleted(seen: Seen) -> SignInCause:
    if seen.has_app is False or seen.verdict is Verdict.NO_APP:
        sign = "Microsoft Entra ID does not have the app of CIPP's sign-in (AADSTS700016)."
        return _cause("AppDeleted", "yes", sign, _DELETED)
    if seen.has_app or seen.verdict in (Verdict.WORKS, Verdict.ENDED):
        return _cause("AppDeleted", "no", "Microsoft Entra ID has the app.", _DELETED)
    return _cause("AppDeleted", "unknown", _why(seen, "app"), _DELETED)


def _ended(seen: Seen) -> SignInCause:
    if not uses_secret(seen.settings):
        return _cause("SecretEnded", "no", "Users sign in by ID tokens, without a secret.", _ENDED)
    if seen.is_missing:
        return _cause("SecretEnded", "yes", _why(seen, "secret"), _MISSING)
    if has_other_app(seen):
        return _cause("SecretEnded", "unknown", OTHER_APP, _ENDED)
    match seen.verdict:
        case Verdict.WORKS:
            return _cause("SecretEnded", "no", f"{IN_VAULT} of the vault can sign in.", _ENDED)
        case Verdict.ENDED:
            return _cause("SecretEnded", "yes", _why(seen, "secret"), _ENDED)
    return _cause("SecretEnded", "unknown", _why(seen, "secret"), _ENDED)


def has_other_app(seen: Seen) -> bool:
    """Return whether authsettingsV2 and the vault certainly name different apps. Then no secret is stored."""
    return seen.names is not None and names_another_app(seen.settings, seen.names)


def _unresolved(seen: Seen) -> SignInCause:
    name: SignInCauseName = "ReferenceNotResolved"
    if not uses_secret(seen.settings):
        return _cause(name, "no", "Users sign in by ID tokens, without a secret.", _NOT_RESOLVED)
    if seen.is_reference is None:
        return _cause(name, "unknown", _why(seen, "reference"), _NOT_RESOLVED)
    if seen.reference is None:
        return _no_reference(seen)
    if not seen.reference.is_resolved:
        return _cause(name, "yes", f"The state of the setting {SETTING} is {seen.reference.status}.", _NOT_RESOLVED)
    if is_outdated(seen) and seen.active is Verdict.ENDED:
        sign = f"App Service still uses an older version of {IN_VAULT}, which can't sign in."
        return _cause(name, "yes", sign, _NOT_RESOLVED)
    sign = f"The setting {SETTING} is resolved."
    if is_outdated(seen):
        sign += f" App Service uses an older version of {IN_VAULT}, and reads the newest one within a day."
    return _cause(name, "no", sign, _NOT_RESOLVED)


def _no_reference(seen: Seen) -> SignInCause:
    """Return the cause if the setting is not a reference. To let App Service read it again does not help then."""
    if seen.has_setting is False:
        found = _cause("ReferenceNotResolved", "yes", f"CIPP does not have the setting {SETTING}.", _SET)
    else:
        sign = f"The setting {SETTING} is not a reference, so it is unknown whether its value can sign in."
        if seen.has_setting is None:
            sign = f"Azure shows no reference in the setting {SETTING}. {_why(seen, 'setting')}"
        found = _cause("ReferenceNotResolved", "unknown", sign, _SET)
    return replace(found, repairable=False)


def is_outdated(seen: Seen) -> bool:
    """Return whether App Service certainly uses another version than the vault's newest one."""
    active = seen.reference.active if seen.reference else ""
    return bool(active and seen.served and active != seen.served.lower())


def why_unusable(seen: Seen) -> str:
    """Return why it is not certain that users can sign in with the secret that App Service has, "" if it is."""
    if seen.verdict is not Verdict.WORKS:
        return _why(seen, "secret")
    if seen.reference is None or not seen.reference.is_resolved:
        return f"The setting {SETTING} is not resolved."
    return "" if seen.active is Verdict.WORKS else f"App Service does not use a version of {IN_VAULT} that works."


def _callbacks(seen: Seen) -> SignInCause:
    if seen.missing_callbacks is None:
        return _cause("CallbackMissing", "unknown", _why(seen, "callbacks"), _CALLBACKS)
    missing = ", ".join(callback_of(host) for host in seen.missing_callbacks)
    sign = f"The app lacks {missing} (AADSTS50011)." if missing else "The app has each host of CIPP."
    return _cause("CallbackMissing", "yes" if missing else "no", sign, _CALLBACKS)


def _no_superadmin(seen: Seen) -> SignInCause:
    if seen.superadmins is None:
        return _cause("NoSuperadmin", "unknown", _why(seen, "users"), _NO_SUPERADMIN)
    number = seen.superadmins
    sign = f"CIPP's table of users has {number or 'no'} superadmin{'' if number == 1 else 's'} by a person."
    return _cause("NoSuperadmin", "no" if number else "yes", sign, _NO_SUPERADMIN)


def _ip_rule(seen: Seen) -> SignInCause:
    """Return the cause. Whether a rule keeps a user out depends on the user's address, which is unknown."""
    rules = seen.addresses
    if rules and rules.sentences:
        return _cause("IpRule", "unknown", f"{' '.join(rules.sentences)} {_WHERE}", _IP)
    if rules is None or rules.cipps is None or rules.of_the_site is None:
        return _cause("IpRule", "unknown", _why(seen, "addresses"), _IP)
    return _cause("IpRule", "no", _NO_RULE, _IP)


def _lost(seen: Seen) -> SignInCause:
    is_lost = seen.verdict is Verdict.ENDED and uses_secret(seen.settings)
    sign = "No secret that works is in the vault." if is_lost else "It is not needed while a secret can be renewed."
    return _cause("SecretLost", "yes" if is_lost else "no", sign, _LOST, needs_force=True)


_CAUSES: Final[tuple[Callable[[Seen], SignInCause], ...]] = (
    _off,
    _damaged,
    _deleted,
    _ended,
    _unresolved,
    _callbacks,
    _no_superadmin,
    _ip_rule,
    _lost,
)


def _why(seen: Seen, what: str) -> str:
    return seen.unread.get(what, "It can't be read.")
