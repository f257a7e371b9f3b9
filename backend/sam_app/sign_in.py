"""Sign-ins to Microsoft Entra ID as the SAM app, with a client secret, a certificate or a refresh token."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backend.azure.errors.entra_errors import Verdict, code_of, description_of, is_of_the_app, meaning_of
from backend.azure.errors.translation import while_trying_to
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.configuration.clouds import Cloud
from backend.configuration.timeouts import Limits
from backend.errors import NOT_READABLE, TRY_AGAIN, AzureRefusedError, AzureUnreachableError, BackendError
from backend.readings import claims_of, object_of, text_of, text_or_none, texts_of
from backend.sam_app.certificate import Certificate
from backend.sam_app.token_endpoint import TokenEndpoint
from backend.values import SecretText

if TYPE_CHECKING:
    import requests

_BUSY: Final = (None, 90033)  # no code, or "a transient error has occurred"

Credential = SecretText | Certificate


class SignInRefusedError(AzureRefusedError):
    """Entra refused a sign-in. `verdict` is the resulting state of the credential that was used."""

    def __init__(self, detail: str, *, status: int, code: str, verdict: Verdict, advice: str = "") -> None:
        super().__init__(detail, status=status, code=code, advice=advice)
        self.verdict = verdict


@dataclass(frozen=True)
class SamApp:
    """CIPP's own application, which calls Graph and Entra. `tenant` is the partner's, a GUID or a domain."""

    app_id: str
    tenant: str
    credential: Credential


@dataclass(frozen=True)
class SignedIn:
    """A token for Graph, the tenant that issued it (a GUID), and the permissions in it."""

    token: SecretText
    tenant_id: str | None
    roles: frozenset[str]


@dataclass(frozen=True)
class Redeemed:
    """What Entra returned for a refresh token or for the sign-in of a person: a refresh token, and its account.

    None stands for a missing claim. `account` is the user principal name. `has_mfa` is unknown (None) if the access
    token can't be read.
    """

    refresh_token: SecretText
    tenant_id: str | None
    app_id: str | None
    account_id: str | None
    account: str | None
    scopes: frozenset[str]
    has_mfa: bool | None


class Entra:
    """The sign-in service of one cloud. No token is cached, so each result is current."""

    def __init__(self, cloud: Cloud, limits: Limits, deadline: Deadline) -> None:
        """Create the service. It waits for Entra's Retry-After until the deadline."""
        self._cloud: Final = cloud
        self._limits: Final = limits
        self._deadline: Final = deadline
        self._lock = threading.Lock()
        self._shared: requests.Session | None = None

    def sign_in(self, app: SamApp) -> SignedIn:
        """Return the result of a sign-in as the app. Each uses a new connection, because Entra's replicas disagree.

        Raises:
            AzureRefusedError: Entra refused. The error has advice.
        """
        kind = "certificate" if isinstance(app.credential, Certificate) else "client secret"
        with new_session() as session:
            try:
                result = self._request(
                    app,
                    app.tenant,
                    session,
                    f"sign in with the {kind} to tenant {app.tenant}",
                    lambda client: client.acquire_token_for_client(self._scopes),
                )
            except SignInRefusedError as error:
                if not is_of_the_app(error.code):  # a code about a token, and none was sent
                    error.verdict = Verdict.UNPROVEN if error.verdict is Verdict.DEAD else error.verdict
                raise
        token = _token_in(result, f"sign in to tenant {app.tenant}")
        claims = claims_of(token)
        return SignedIn(SecretText(token), text_or_none(claims.get("tid")), frozenset(texts_of(claims.get("roles"))))

    def redeem(self, app: SamApp, tenant: str, refresh_token: SecretText) -> Redeemed:
        """Redeem a refresh token of the tenant for a new one. The old one stays valid.

        Raises:
            AzureRefusedError: Entra refused, with advice, or did not return a new token.
        """
        action = f"redeem the refresh token in tenant {tenant}"
        try:
            result = self._request(
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
        return redeemed_of(action, result)

    @property
    def _scopes(self) -> list[str]:
        return scopes_of(self._cloud)

    def _session(self) -> "requests.Session":
        """Return the connections that all redemptions share."""
        with self._lock:
            if self._shared is None:
                self._shared = new_session(background.KEYS)
            return self._shared

    def _request(
        self,
        app: SamApp,
        tenant: str,
        session: "requests.Session",
        action: str,
        request: Callable[[Any], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return msal's result of a request by a client for the tenant. Failures become errors of this app."""
        with LOADING:
            import msal  # noqa: PLC0415 - it takes 0.15 s, and only a rotation needs it

        timeouts = (self._limits.azure_connect_timeout_seconds, self._limits.azure_read_timeout_seconds)

        def requested() -> dict[str, Any]:
            client = msal.ConfidentialClientApplication(
                app.app_id,
                client_credential=as_msal_wants(app.credential),
                authority=f"{self._cloud.entra}/{tenant}",
                instance_discovery=False,  # the host comes from this app's table of clouds
                http_client=TokenEndpoint(session, timeouts, self._limits.azure_deadline_seconds, self._deadline),
            )
            return request(client)

        result = result_of(action, requested)
        if "error" in result:
            raise refusal_of(action, result)
        return result


def scopes_of(cloud: Cloud) -> list[str]:
    """Return the scopes of each token: the permissions for Graph that the app has."""
    return [f"{cloud.graph}/.default"]


def result_of(action: str, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return msal's result of a request, which can be a refusal. Failures become errors of this app."""
    with while_trying_to(action):
        try:
            return request()
        except ValueError as error:
            raise AzureUnreachableError(
                f"Couldn't {action}: the response was not valid Microsoft Entra ID JSON."
            ) from error


def redeemed_of(action: str, result: dict[str, Any]) -> Redeemed:
    """Return the refresh token in msal's result, and its claims.

    Raises:
        AzureRefusedError: Entra did not return a refresh token.
        AzureUnreachableError: The response lacks an access token.
    """
    refreshed = text_or_none(result.get("refresh_token"))
    if refreshed is None:
        raise AzureRefusedError(
            f"Couldn't {action}: Microsoft Entra ID did not return a new refresh token.", status=200
        )
    access, identity = claims_of(_token_in(result, action)), object_of(result.get("id_token_claims"))
    claims = {**access, **identity}
    return Redeemed(
        refresh_token=SecretText(refreshed),
        tenant_id=text_or_none(claims.get("tid")),
        app_id=text_or_none(claims.get("appid") or claims.get("azp") or identity.get("aud")),
        account_id=text_or_none(claims.get("oid")),
        account=text_or_none(claims.get("upn") or claims.get("preferred_username") or claims.get("unique_name")),
        scopes=frozenset(text_of(result.get("scope")).lower().split()),
        has_mfa="mfa" in texts_of(claims.get("amr")) if access else None,
    )


def _token_in(result: dict[str, Any], action: str) -> str:
    token = text_or_none(result.get("access_token"))
    if token is None:
        raise AzureUnreachableError(f"Couldn't {action}: {NOT_READABLE}", advice=TRY_AGAIN)
    return token


def new_session(most: int = 1) -> "requests.Session":
    """Return connections to Entra, at most `most` at a time."""
    with LOADING:
        from backend.azure.transport import Connections  # noqa: PLC0415 - it imports requests

    return Connections(most)


def as_msal_wants(credential: Credential) -> str | dict[str, Any]:
    """Return a credential in the form of msal."""
    if isinstance(credential, Certificate):
        # msal documents a PEM. It passes the key on to PyJWT, which also accepts a parsed key.
        return {"private_key": credential.private_key, "public_certificate": credential.public_pem}
    return credential.reveal()


def refusal_of(action: str, result: dict[str, Any]) -> BackendError:
    """Return the error for a refusal by Entra, with its code and the code's meaning but without Entra's text."""
    description = description_of(result)
    code = code_of(description)
    if code in _BUSY and result["error"] in ("temporarily_unavailable", "server_error"):
        name = f" (AADSTS{code})" if code else ""
        return AzureUnreachableError(
            f"Couldn't {action}: Microsoft Entra ID is busy{name} and did not send a Retry-After.",
            advice="Try again after 60 seconds.",
        )
    meaning = meaning_of(description)
    name = f"AADSTS{code}" if code else _protocol_error(result["error"])
    return SignInRefusedError(
        f"Couldn't {action}: Microsoft Entra ID refused ({name}). {meaning.cause}",
        status=401 if result["error"] == "invalid_client" else 400,
        code=name,
        verdict=meaning.verdict,
        advice=meaning.advice,
    )


def _protocol_error(error: object) -> str:
    """Return OAuth's error, such as invalid_grant. Any other text in its place is not shown."""
    return str(error) if re.fullmatch(r"[a-z_]{1,40}", str(error)) else "unknown error"
