"""Sign-ins of a person to the SAM app: by device code, or by authorization code with PKCE.

- A device code is redeemed without the app's credential, as CIPP does: its app allows public client flows.
- An authorization code is redeemed with the app's credential, because its redirect address is one of a web app.

The addresses, the form of the requests and the errors are from Microsoft's documentation and public issues. This module
never ran against real Entra.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.configuration.clouds import Cloud
from backend.configuration.timeouts import Limits
from backend.errors import NOT_READABLE, TRY_AGAIN, AzureUnreachableError, ConflictError
from backend.readings import count_or_none, text_or_none
from backend.sam_app.sign_in import (
    Redeemed,
    SamApp,
    as_msal_wants,
    new_session,
    redeemed_of,
    refusal_of,
    result_of,
    scopes_of,
)
from backend.sam_app.token_endpoint import TokenEndpoint
from backend.values import SecretText

if TYPE_CHECKING:
    import requests

# CIPP's setup registers this address with its app, in each cloud. Its page is empty, so the code stays in the address.
REDIRECT: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"
_OIDC_SCOPES: Final = ("offline_access", "openid", "profile")
_INTERVAL_SECONDS: Final = 5  # of RFC 8628, if Entra names none
_LIFETIME_SECONDS: Final = 900  # Entra's own
_VERIFIER_BYTES: Final = 48  # 64 characters
_NONCE_BYTES: Final = 16
_START_AGAIN: Final = "Start the sign-in again."
_BY_CODE: Final = "If the sign-in page showed that the tenant blocks it, start again with Method: code."
# Errors of RFC 8628, and of Entra, after which this device code can't be redeemed any more.
_ENDED: Final = {
    "authorization_declined": ("The sign-in was canceled on the sign-in page.", _START_AGAIN),
    "access_denied": ("The sign-in was denied.", f"{_START_AGAIN} {_BY_CODE}"),
    "expired_token": ("The code has expired before the sign-in was complete.", f"{_START_AGAIN} {_BY_CODE}"),
    "code_expired": ("The code has expired before the sign-in was complete.", f"{_START_AGAIN} {_BY_CODE}"),
    "bad_verification_code": ("Microsoft Entra ID does not accept the code any more.", _START_AGAIN),
}


class SignInEndedError(ConflictError):
    """The sign-in of the person ended without a token: it was canceled or denied, or its code has expired."""


class Waiting(Enum):
    """The person has not signed in yet. After `SLOW_DOWN`, wait 5 s more between requests."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"


@dataclass(frozen=True)
class DeviceCode:
    """A device code, and what the person needs: the code to enter at the address."""

    user_code: str
    address: str
    device_code: SecretText
    interval_seconds: int
    lifetime_seconds: int


@dataclass(frozen=True)
class CodeBinding:
    """What binds an authorization code to the request for it: PKCE's code verifier (RFC 7636), and the nonce."""

    verifier: SecretText
    nonce: str


def new_binding() -> CodeBinding:
    """Return a new binding."""
    return CodeBinding(SecretText(secrets.token_urlsafe(_VERIFIER_BYTES)), secrets.token_hex(_NONCE_BYTES))


class PersonSignIn:
    """The sign-ins of persons in one cloud. Each call is one request to Entra, except that a busy Entra is retried."""

    def __init__(self, cloud: Cloud, limits: Limits) -> None:
        self._cloud: Final = cloud
        self._limits: Final = limits

    def start_device(self, app_id: str, tenant: str) -> DeviceCode:
        """Request a device code.

        Raises:
            SignInRefusedError: Entra refused, with advice.
            AzureUnreachableError: Entra timed out, or the response can't be read.
        """
        action, authority = f"request a device code in tenant {tenant}", self._authority(tenant)
        found = self._requested(
            action, lambda http: _public_client(app_id, authority, http).initiate_device_flow(self._scopes)
        )
        user_code, device_code = text_or_none(found.get("user_code")), text_or_none(found.get("device_code"))
        address = text_or_none(found.get("verification_uri"))
        if "error" in found:
            raise refusal_of(action, found)
        if not user_code or not device_code or not address or not address.startswith("https://"):
            raise AzureUnreachableError(f"Couldn't {action}: {NOT_READABLE}", advice=TRY_AGAIN)
        return DeviceCode(
            user_code=user_code,
            address=address,
            device_code=SecretText(device_code),
            interval_seconds=count_or_none(found.get("interval")) or _INTERVAL_SECONDS,
            lifetime_seconds=count_or_none(found.get("expires_in")) or _LIFETIME_SECONDS,
        )

    def poll_device(self, app_id: str, tenant: str, device_code: SecretText) -> Redeemed | Waiting:
        """Request once whether the person has signed in. A busy Entra is not retried: the next call does that.

        Raises:
            SignInEndedError: The code can't be redeemed any more.
            SignInRefusedError: Entra refused, with advice.
            AzureUnreachableError: Entra timed out. If it had issued a token, the code is used up.
        """
        action = f"redeem the device code in tenant {tenant}"
        flow = {"device_code": device_code.reveal(), "interval": 1, "expires_at": 0}
        found = self._requested(
            action,
            lambda http: _public_client(app_id, self._authority(tenant), http).acquire_token_by_device_flow(flow),
            retries=False,
        )
        error = found.get("error")
        if error in (Waiting.PENDING.value, Waiting.SLOW_DOWN.value):
            return Waiting(error)
        if isinstance(error, str) and error in _ENDED:
            reason, advice = _ENDED[error]
            raise SignInEndedError(f"Couldn't {action}: {reason}", advice=advice)
        if "error" in found:
            raise refusal_of(action, found)
        return redeemed_of(action, found)

    def authorize_address(self, app_id: str, tenant: str, binding: CodeBinding, *, account: str | None) -> str:
        """Return the address of the sign-in page. It requires a new sign-in, of `account` if it is known."""
        verifier = binding.verifier.reveal().encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        query = {
            "client_id": app_id,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "response_mode": "query",
            "scope": " ".join([*_OIDC_SCOPES, *self._scopes]),
            "state": binding.nonce,
            "nonce": hashlib.sha256(binding.nonce.encode()).hexdigest(),  # in the form that msal compares
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "login",
            **({"login_hint": account} if account else {}),
        }
        return f"{self._authority(tenant)}/oauth2/v2.0/authorize?{urlencode(query)}"

    def redeem_code(self, app: SamApp, tenant: str, code: SecretText, binding: CodeBinding) -> Redeemed:
        """Redeem an authorization code.

        Raises:
            SignInEndedError: The code belongs to another sign-in.
            SignInRefusedError: Entra refused, with advice. A code can be redeemed once.
            AzureUnreachableError: Entra timed out. The code may be used up.
        """
        action = f"redeem the authorization code in tenant {tenant}"
        found = self._requested(
            action,
            lambda http: _redeemed_code(_own_client(app, self._authority(tenant), http), code, binding, self._scopes),
        )
        if "error" in found:
            raise refusal_of(action, found)
        return redeemed_of(action, found)

    @property
    def _scopes(self) -> list[str]:
        return scopes_of(self._cloud)

    def _authority(self, tenant: str) -> str:
        return f"{self._cloud.entra}/{tenant}"

    def _requested(
        self, action: str, request: Callable[[TokenEndpoint], dict[str, Any]], *, retries: bool = True
    ) -> dict[str, Any]:
        seconds = self._limits.azure_deadline_seconds if retries else 0.0
        with new_session() as session:
            return result_of(action, lambda: request(self._endpoint(session, seconds)))

    def _endpoint(self, session: "requests.Session", seconds: float) -> TokenEndpoint:
        timeouts = (self._limits.azure_connect_timeout_seconds, self._limits.azure_read_timeout_seconds)
        return TokenEndpoint(session, timeouts, seconds, Deadline.after(seconds))


def _public_client(app_id: str, authority: str, http: TokenEndpoint) -> Any:  # noqa: ANN401 - msal has no types
    with LOADING:
        import msal  # noqa: PLC0415 - it takes 0.15 s, and only a sign-in needs it

    return msal.PublicClientApplication(app_id, authority=authority, instance_discovery=False, http_client=http)


def _own_client(app: SamApp, authority: str, http: TokenEndpoint) -> Any:  # noqa: ANN401 - the same
    with LOADING:
        import msal  # noqa: PLC0415 - the same

    return msal.ConfidentialClientApplication(
        app.app_id,
        client_credential=as_msal_wants(app.credential),
        authority=authority,
        instance_discovery=False,
        http_client=http,
    )


def _redeemed_code(client: Any, code: SecretText, binding: CodeBinding, scopes: list[str]) -> dict[str, Any]:  # noqa: ANN401 - the same
    flow = {
        "state": binding.nonce,
        "nonce": binding.nonce,
        "redirect_uri": REDIRECT,
        "scope": [*_OIDC_SCOPES, *scopes],
        "code_verifier": binding.verifier.reveal(),
    }
    try:
        found: dict[str, Any] = client.acquire_token_by_auth_code_flow(
            flow, {"state": binding.nonce, "code": code.reveal()}
        )
    except RuntimeError as error:  # msal's only one here: the ID token has another nonce
        raise SignInEndedError(
            "Couldn't redeem the authorization code: it belongs to another sign-in.", advice=_START_AGAIN
        ) from error
    return found
