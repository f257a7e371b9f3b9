"""Signing in at Entra as the SAM app: with a client secret or a certificate, or with a refresh token."""

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backend.aadsts import Verdict, code_of, is_of_the_app, meaning_of
from backend.certificate import Certificate
from backend.clouds import Cloud
from backend.errors import AzureRefusedError, AzureUnreachableError, BackendError, while_trying_to
from backend.limits import Limits
from backend.loading import LOADING
from backend.token_endpoint import TokenEndpoint
from backend.values import SecretText

if TYPE_CHECKING:
    import requests

Credential = SecretText | Certificate
SOCKETS: Final = 64  # as many as the rotation has threads


class SignInRefusedError(AzureRefusedError):
    """Entra refused a sign-in; `verdict` is what that says of the key that was shown."""

    def __init__(self, message: str, *, status: int, code: str, verdict: Verdict) -> None:
        super().__init__(message, status=status, code=code)
        self.verdict = verdict


@dataclass(frozen=True)
class SamApp:
    """CIPP's own application, as whom Graph and Entra are called. `tenant` is the partner's, a GUID or a domain."""

    app_id: str
    tenant: str
    credential: Credential


@dataclass(frozen=True)
class SignedIn:
    """A token for Graph, the tenant that gave it (a GUID), and the permissions in it."""

    token: SecretText
    tenant_id: str | None
    roles: frozenset[str]


@dataclass(frozen=True)
class Redeemed:
    """What Entra gave for a refresh token: a new one, and for whom it is.

    None is a claim that was not there; `has_mfa` is None where the access token cannot be read.
    """

    refresh_token: SecretText
    tenant_id: str | None
    app_id: str | None
    account_id: str | None
    scopes: frozenset[str]
    has_mfa: bool | None


class Entra:
    """The sign-in service of one cloud. No token is cached: each answer is Entra's word of this moment."""

    def __init__(self, cloud: Cloud, limits: Limits, patient_until: float) -> None:
        """`patient_until` is the time, by the monotonic clock, until which a Retry-After of Entra's is waited for."""
        self._cloud: Final = cloud
        self._limits: Final = limits
        self._patient_until: Final = patient_until
        self._lock = threading.Lock()
        self._shared: requests.Session | None = None

    def sign_in(self, app: SamApp) -> SignedIn:
        """Sign in as the app, on a new connection, since Entra's replicas disagree.

        Raises:
            AzureRefusedError: Entra refused; the message says what to do.
        """
        kind = "certificate" if isinstance(app.credential, Certificate) else "client secret"
        with _new_session() as session:
            result = self._ask(
                app,
                app.tenant,
                session,
                f"sign in to tenant {app.tenant} with the {kind}",
                lambda client: client.acquire_token_for_client(self._scopes),
            )
        claims = _claims(result["access_token"])
        roles = frozenset(str(role) for role in claims.get("roles") or ())
        return SignedIn(SecretText(result["access_token"]), claims.get("tid"), roles)

    def redeem(self, app: SamApp, tenant: str, refresh_token: SecretText) -> Redeemed:
        """Redeem a refresh token of the tenant for a new one; the old one stays valid.

        Raises:
            AzureRefusedError: Entra refused, or gave no new token; the message says what to do.
        """
        action = f"redeem the refresh token in tenant {tenant}"
        try:
            result = self._ask(
                app,
                tenant,
                self._session(),
                action,
                lambda client: client.acquire_token_by_refresh_token(refresh_token.reveal(), self._scopes),
            )
        except SignInRefusedError as error:
            if is_of_the_app(error.code):
                error.verdict = Verdict.UNPROVEN
            raise
        if not result.get("refresh_token"):
            raise AzureRefusedError(f"Tried to {action}, but Entra gave no new refresh token.", status=200)
        access, identity = _claims(result["access_token"]), result.get("id_token_claims") or {}
        claims = {**access, **identity}
        return Redeemed(
            refresh_token=SecretText(result["refresh_token"]),
            tenant_id=claims.get("tid"),
            app_id=claims.get("appid") or claims.get("azp") or identity.get("aud"),
            account_id=claims.get("oid"),
            scopes=frozenset(str(result.get("scope", "")).lower().split()),
            has_mfa="mfa" in (claims.get("amr") or []) if access else None,
        )

    @property
    def _scopes(self) -> list[str]:
        return [f"{self._cloud.graph}/.default"]

    def _session(self) -> "requests.Session":
        """Answer the connections that all redemptions share."""
        with self._lock:
            if self._shared is None:
                self._shared = _new_session(SOCKETS)
            return self._shared

    def _ask(
        self,
        app: SamApp,
        tenant: str,
        session: "requests.Session",
        action: str,
        ask: Callable[[Any], dict[str, Any]],
    ) -> dict[str, Any]:
        """Make a client for the tenant, ask it, and turn msal's answer into a value or an error of ours."""
        with LOADING:
            import msal  # noqa: PLC0415 - it takes 0.15 s, and only a rotation needs it

        timeouts = (self._limits.azure_connect_timeout_seconds, self._limits.azure_read_timeout_seconds)
        with while_trying_to(action):
            client = msal.ConfidentialClientApplication(
                app.app_id,
                client_credential=_as_msal_wants(app.credential),
                authority=f"{self._cloud.entra}/{tenant}",
                instance_discovery=False,  # the host is one of our table, and is not asked about at Microsoft's
                http_client=TokenEndpoint(session, timeouts, self._limits.azure_deadline_seconds, self._patient_until),
            )
            try:
                result = ask(client)
            except ValueError as error:
                raise AzureUnreachableError(
                    f"Tried to {action}, but what came back is no answer of Entra's."
                ) from error
        if "error" in result:
            raise _refused(action, result)
        return result


def _new_session(at_once: int = 1) -> "requests.Session":
    with LOADING:
        from backend.connections import Connections  # noqa: PLC0415 - it imports requests

    return Connections(at_once)


def _as_msal_wants(credential: Credential) -> str | dict[str, Any]:
    if isinstance(credential, Certificate):
        # Its documents say PEM; it hands the key to PyJWT as it is, which takes a key that is read already, too.
        return {"private_key": credential.private_key, "public_certificate": credential.public_pem}
    return credential.reveal()


def _claims(token: str) -> dict[str, Any]:
    """Read a token's claims, unverified; {} where it is in no form that we know, which Entra may choose."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _refused(action: str, result: dict[str, Any]) -> BackendError:
    """Return the error for a refusal of Entra: its code and what that means, never its own text."""
    description = str(result.get("error_description", ""))
    code = code_of(description)
    if code is None and result["error"] in ("temporarily_unavailable", "server_error"):
        return AzureUnreachableError(f"Tried to {action}, but Entra is busy. Try again later.")
    meaning = meaning_of(description)
    name = f"AADSTS{code}" if code else _protocol_error(result["error"])
    error = SignInRefusedError(
        f"Tried to {action}, but Entra refused ({name}): {meaning.cause} {meaning.advice}",
        status=401 if result["error"] == "invalid_client" else 400,
        code=name,
        verdict=meaning.verdict,
    )
    error.advice = meaning.advice
    return error


def _protocol_error(error: object) -> str:
    """Return OAuth's error, such as invalid_grant. Anything else that stands in its place is not shown."""
    return str(error) if re.fullmatch(r"[a-z_]{1,40}", str(error)) else "unknown error"
