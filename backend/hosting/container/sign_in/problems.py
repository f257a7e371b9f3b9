"""What is wrong with the sign-in of CIPP as a container, by what was read of it. Pure.

Each function returns problems and notes. Source: the contract of CIPP as a container, its chapter on the sign-in.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from backend.readings import Json, object_of, objects_of, text_of, texts_of
from backend.sam_app.client_secret import UNKNOWN_END, ClientSecret, client_secret_of, credential_by_hint
from backend.text.redaction import redact

SETTING: Final = "AUTH_SECRET"
IN_VAULT: Final = "SSOAppSecret"  # the secret of CIPP's sign-in app, which CIPP never renews
CALLBACK: Final = "/.auth/login/aad/callback"
SOON: Final = timedelta(days=30)
LONGEST_ERROR: Final = 300  # characters of CIPP's own text
_HOST: Final = re.compile(r"[a-z0-9*.-]{1,253}")
_STATUS: Final = re.compile(r"[a-z_]{1,40}")
_COMPLETE: Final = "complete"
_RENEW: Final = "Renew it with ExecBackendSignInRepair"
_BY_WHOM: Final = "CIPP never renews it. This app does, if ENABLE_ROTATION is set"
RESOLVED: Final = ("resolved", "initialized")
Found = tuple[list[str], list[str]]


@dataclass(frozen=True)
class SignInApp:
    """The app registration of CIPP's sign-in: the hosts of its callbacks, and its secrets."""

    callback_hosts: frozenset[str]
    secrets: tuple[ClientSecret, ...]


@dataclass(frozen=True)
class StoredSecret:
    """The secret in the vault, without its value. `hint` are its first three characters."""

    version: str
    created: datetime
    hint: str


@dataclass(frozen=True)
class ReferenceState:
    """The state of the reference. `active` is the version that App Service uses, "" if Azure does not show it."""

    status: str
    active: str

    @classmethod
    def of(cls, shown: Json) -> "ReferenceState":
        """Return the state as Azure shows it."""
        return cls(text_of(shown.get("status")).strip(), text_of(shown.get("activeVersion")).strip().lower())

    @property
    def is_resolved(self) -> bool:
        """Whether App Service could read the secret. A state that Azure does not show counts as read."""
        return self.status.lower() in ("", *RESOLVED)


def uses_secret(settings: Mapping[str, Any]) -> bool:
    """Return whether an authsettingsV2 signs users in with a secret, and not only with ID tokens."""
    provider = object_of(object_of(settings.get("identityProviders")).get("azureActiveDirectory"))
    return bool(text_of(object_of(provider.get("registration")).get("clientSecretSettingName")).strip())


def reference_problems(reference: ReferenceState, stored: StoredSecret | None) -> Found:
    """Return those of the Key Vault reference. App Service reads a new version within a day."""
    if not reference.is_resolved:
        problem = (
            f"The setting {SETTING} is a Key Vault reference in state {reference.status}, so no user can sign in. "
            "Check that the app's identity may get secrets of the vault, that the vault's name is right, and that "
            f"{IN_VAULT} is enabled."
        )
        return [problem], []
    if stored and reference.active and reference.active != stored.version.lower():
        note = (
            f"App Service does not use the newest version of {IN_VAULT} yet. It reads it within a day. Until then, "
            "don't delete the earlier secret of the app."
        )
        return [], [note]
    return [], []


def secret_problems(stored: StoredSecret | None, secrets: Sequence[ClientSecret], now: datetime) -> Found:
    """Return those of the expiry of the secret in use, which Graph shows by its first three characters."""
    key_id = credential_by_hint(stored.hint, stored.created, secrets) if stored else None
    if stored and key_id == "":
        problem = (
            f"{IN_VAULT} in the vault is not a secret of CIPP's sign-in app, so no user can sign in (AADSTS7000215). "
            f"{_RENEW}."
        )
        return [problem], []
    in_use = [secret for secret in secrets if secret.key_id == key_id] if key_id else list(secrets)
    ends = sorted(secret.ends for secret in in_use if secret.ends < UNKNOWN_END)
    if not ends or len(ends) < len(in_use):
        return [], ["The expiry of the secret of CIPP's sign-in is unknown."] if secrets else []
    if ends[-1] <= now:
        return [f"The secret of CIPP's sign-in expired on {ends[-1]:%Y-%m-%d}, so no user can sign in. {_RENEW}."], []
    first = next(end for end in ends if end > now)
    day = f"{first:%Y-%m-%d}" if len(in_use) == 1 else f"{first:%Y-%m-%d} at the earliest"
    if first - now <= SOON:
        by_hand = f'Renew it before that day with ExecKeyRotation and Names ["{IN_VAULT}"]'
        return [f"The secret of CIPP's sign-in expires on {day}. {_BY_WHOM}. {by_hand}."], []
    return [], [f"The secret of CIPP's sign-in expires on {day}. {_BY_WHOM}."]


def setup_problems(row: Json, client_id: str) -> Found:
    """Return those of CIPP's row of its setup. A row of another app than the one that signs users in is outdated."""
    if text_of(row.get("AppId")).strip().lower() != client_id.lower():
        return [], []
    error = redact(" ".join(text_of(row.get("LastError")).split()))[:LONGEST_ERROR]
    status = text_of(row.get("Status")).strip().lower()
    if error or status == "error":
        problem = "The last change of CIPP's sign-in failed. Repeat it on CIPP's page of SSO."
        return [f"{problem} CIPP reports: {error}" if error else problem], []
    if _STATUS.fullmatch(status) and status != _COMPLETE:
        return [], [f"The setup of CIPP's sign-in has the status {status}. CIPP's page of SSO completes it."]
    return [], []


def callback_problems(app: SignInApp, hosts: Sequence[str]) -> Found:
    """Return those of the host names of the site that the app registration does not have a redirect URI for."""
    missing = sorted({host.lower() for host in hosts if host} - app.callback_hosts)
    if not missing:
        return [], []
    problem = (
        f"Sign-in does not work at {', '.join(missing)} (AADSTS50011), because the app registration lacks the redirect "
        f"URI https://<host>{CALLBACK}. "
        "Call ExecBackendDomainRepairSignIn, which adds it and restarts nothing. A start of CIPP adds it, too."
    )
    return [problem], []


def sign_in_app(found: Json) -> SignInApp:
    """Return the app registration of a response of Graph."""
    addresses = [urlsplit(uri) for uri in texts_of(object_of(found.get("web")).get("redirectUris"))]
    hosts = [uri.netloc.lower() for uri in addresses if uri.scheme == "https" and uri.path.lower() == CALLBACK]
    secrets = tuple(client_secret_of(secret) for secret in objects_of(found.get("passwordCredentials")))
    return SignInApp(frozenset(filter(_HOST.fullmatch, hosts)), secrets)
