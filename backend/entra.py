"""Signing in at Entra as the SAM app: with its client secret, or with a refresh token."""

from dataclasses import dataclass
from typing import Any, Final

from backend.aadsts import advice_for, code_of
from backend.clouds import Cloud
from backend.errors import AzureRefusedError, AzureUnreachableError, BackendError, while_trying_to
from backend.limits import Limits
from backend.values import SecretText


@dataclass(frozen=True)
class SamApp:
    """CIPP's own application, as whom Graph and Entra are called. `tenant` is the partner's, a GUID or a domain."""

    app_id: str
    tenant: str
    secret: SecretText


@dataclass(frozen=True)
class Redeemed:
    """What Entra gave for a refresh token: a new one, and for whom it is; None is a claim that was not there."""

    refresh_token: SecretText
    tenant_id: str | None
    app_id: str | None
    account_id: str | None


class Entra:
    """The sign-in service of one cloud. Each sign-in is a new client on a new connection: nothing is cached."""

    def __init__(self, cloud: Cloud, limits: Limits) -> None:
        self._cloud: Final = cloud
        self._limits: Final = limits

    def sign_in(self, app: SamApp) -> SecretText:
        """Sign in with the client secret; answer a token for Graph.

        Raises:
            AzureRefusedError: Entra refused; the message says what to do.
        """
        action = f"sign in to tenant {app.tenant} with the client secret"
        result = self._ask(app, app.tenant, action, lambda client: client.acquire_token_for_client(self._scopes))
        return SecretText(result["access_token"])

    def redeem(self, app: SamApp, tenant: str, refresh_token: SecretText) -> Redeemed:
        """Redeem a refresh token of the tenant for a new one; the old one stays valid.

        Raises:
            AzureRefusedError: Entra refused, or gave no new token; the message says what to do.
        """
        action = f"redeem the refresh token in tenant {tenant}"
        result = self._ask(
            app,
            tenant,
            action,
            lambda client: client.acquire_token_by_refresh_token(refresh_token.reveal(), self._scopes),
        )
        if not result.get("refresh_token"):
            raise AzureRefusedError(f"Tried to {action}, but Entra gave no new refresh token.", status=200)
        claims = result.get("id_token_claims") or {}
        return Redeemed(
            refresh_token=SecretText(result["refresh_token"]),
            tenant_id=claims.get("tid"),
            app_id=claims.get("aud"),
            account_id=claims.get("oid"),
        )

    @property
    def _scopes(self) -> list[str]:
        return [f"{self._cloud.graph}/.default"]

    def _ask(self, app: SamApp, tenant: str, action: str, ask: Any) -> dict[str, Any]:  # noqa: ANN401 - msal has no types
        """Make a client for the tenant, ask it, and turn msal's answer into a value or an error of ours."""
        import msal  # noqa: PLC0415 - it takes 0.15 s, and only a rotation needs it
        import requests  # noqa: PLC0415 - msal brings it

        timeouts = (self._limits.azure_connect_timeout_seconds, self._limits.azure_read_timeout_seconds)
        with requests.Session() as session, while_trying_to(action):
            session.request = _with_timeout(session.request, timeouts)  # type: ignore[method-assign] # msal gives none
            try:
                client = msal.ConfidentialClientApplication(
                    app.app_id,
                    client_credential=app.secret.reveal(),
                    authority=f"{self._cloud.entra}/{tenant}",
                    instance_discovery=False,  # the host is one of our table, and is not asked about at Microsoft's
                    http_client=session,
                )
            except ValueError as error:  # msal's word for a tenant that Entra does not know
                raise AzureRefusedError(
                    f"Tried to {action}, but Entra knows no tenant '{tenant}': check TenantID.", status=400
                ) from error
            result: dict[str, Any] = ask(client)
        if "error" in result:
            raise _refused(action, result)
        return result


def _with_timeout(request: Any, timeouts: tuple[float, float]) -> Any:  # noqa: ANN401 - requests' own signature
    def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the same
        kwargs.setdefault("timeout", timeouts)
        return request(*args, **kwargs)

    return timed


def _refused(action: str, result: dict[str, Any]) -> BackendError:
    """Say why Entra refused; its description holds ids and codes, never a secret."""
    description = str(result.get("error_description", ""))
    reason = description.strip().splitlines()[0] if description.strip() else str(result["error"])
    if result["error"] == "temporarily_unavailable":
        return AzureUnreachableError(f"Tried to {action}, but Entra is busy: {reason} Try again later.")
    advice = advice_for(description)
    error = AzureRefusedError(
        f"Tried to {action}, but Entra refused: {reason} {advice}",
        status=401 if result["error"] == "invalid_client" else 400,
        code=f"AADSTS{code_of(description)}" if code_of(description) else str(result["error"]),
    )
    error.advice = advice
    return error
