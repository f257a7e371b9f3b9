"""The contents of Entra's tokens."""

import base64
import json
import uuid
from typing import Any, Final

from sandbox.azure import Azure
from sandbox.clouds import Cloud
from sandbox.directory import ServicePrincipal, Tenant
from sandbox.entra.resources import is_graph
from sandbox.people import User

LIFETIME_SECONDS: Final = 3600
BY_NOTHING, BY_SECRET, BY_CERTIFICATE = "0", "1", "2"  # the claim `appidacr`


def app_token(azure: Azure, principal: ServicePrincipal, audience: str, cloud: Cloud, *, by_certificate: bool) -> str:
    """Return an access token for an application itself."""
    claims = _claims(principal, by=BY_CERTIFICATE if by_certificate else BY_SECRET) | {
        "idtyp": "app",
        "oid": principal.id,
        "sub": principal.id,
    }
    if is_graph(audience, cloud) and principal.roles:
        claims["roles"] = list(principal.roles)
    return azure.tokens.issue(claims, audience, LIFETIME_SECONDS)


def user_token(  # noqa: PLR0913 - a delegated token depends on all of these
    azure: Azure, principal: ServicePrincipal, user: User, audience: str, cloud: Cloud, *, by: str, mfa: bool
) -> str:
    """Return an access token for a user through an application. `by` is how that authenticated (`appidacr`)."""
    claims = _claims(principal, by=by) | {
        "acr": "1",
        "amr": ["pwd", "mfa"] if mfa else ["pwd"],
        "idtyp": "user",
        "name": user.name.partition("@")[0],
        "oid": user.id,
        "scp": scopes(principal, audience, cloud),
        "sub": user.id,
        "unique_name": user.name,
        "upn": user.name,
    }
    return azure.tokens.issue(claims, audience, LIFETIME_SECONDS)


def scopes(principal: ServicePrincipal, audience: str, cloud: Cloud) -> str:
    """Return the delegated permissions in a token for `audience`."""
    return " ".join(principal.scopes) if is_graph(audience, cloud) else "user_impersonation"


def id_token(  # noqa: PLR0913 - all that it contains
    azure: Azure, app_id: str, tenant: Tenant, user: User, cloud: Cloud, *, nonce: str | None = None
) -> str:
    """Return an OpenID Connect ID token."""
    claims: dict[str, Any] = {
        "iss": f"https://{cloud.login}/{tenant.id}/v2.0",
        "name": user.name.partition("@")[0],
        "oid": user.id,
        "preferred_username": user.name,
        "sub": user.id,
        "tid": tenant.id,
        "ver": "2.0",
        **({"nonce": nonce} if nonce else {}),
    }
    return azure.tokens.issue(claims, app_id, LIFETIME_SECONDS)


def client_info(tenant: Tenant, user: User) -> str:
    """Return who signed in, in MSAL's format."""
    text = json.dumps({"uid": user.id, "utid": tenant.id})
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _claims(principal: ServicePrincipal, *, by: str) -> dict[str, Any]:
    issuer = f"https://sts.windows.net/{principal.tenant_id}/"
    return {
        "iss": issuer,
        "app_displayname": principal.display_name,
        "appid": principal.app_id,
        "appidacr": by,
        "idp": issuer,
        "tid": principal.tenant_id,
        "uti": uuid.uuid4().hex[:22],
        "ver": "1.0",
    }
