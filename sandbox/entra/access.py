"""The contents of Entra's tokens."""

import base64
import json
import uuid
from typing import Any, Final

from sandbox.azure import Azure
from sandbox.clouds import Cloud
from sandbox.directory import ServicePrincipal, Tenant, User
from sandbox.entra.resources import is_graph

LIFETIME_SECONDS: Final = 3600


def app_token(azure: Azure, principal: ServicePrincipal, audience: str, cloud: Cloud, *, by_certificate: bool) -> str:
    """Return an access token for an application itself."""
    claims = _claims(principal, by_certificate=by_certificate) | {
        "idtyp": "app",
        "oid": principal.id,
        "sub": principal.id,
    }
    if is_graph(audience, cloud) and principal.roles:
        claims["roles"] = list(principal.roles)
    return azure.tokens.issue(claims, audience, LIFETIME_SECONDS)


def user_token(  # noqa: PLR0913 - a delegated token depends on all of these
    azure: Azure, principal: ServicePrincipal, user: User, audience: str, cloud: Cloud, *, by_certificate: bool
) -> str:
    """Return an access token for a user through an application."""
    claims = _claims(principal, by_certificate=by_certificate) | {
        "acr": "1",
        "amr": ["pwd", "mfa"],
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


def id_token(azure: Azure, app_id: str, tenant: Tenant, user: User, cloud: Cloud) -> str:
    """Return an OpenID Connect ID token."""
    claims = {
        "iss": f"https://{cloud.login}/{tenant.id}/v2.0",
        "name": user.name.partition("@")[0],
        "oid": user.id,
        "preferred_username": user.name,
        "sub": user.id,
        "tid": tenant.id,
        "ver": "2.0",
    }
    return azure.tokens.issue(claims, app_id, LIFETIME_SECONDS)


def client_info(tenant: Tenant, user: User) -> str:
    """Return who signed in, in MSAL's format."""
    text = json.dumps({"uid": user.id, "utid": tenant.id})
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _claims(principal: ServicePrincipal, *, by_certificate: bool) -> dict[str, Any]:
    issuer = f"https://sts.windows.net/{principal.tenant_id}/"
    return {
        "iss": issuer,
        "app_displayname": principal.display_name,
        "appid": principal.app_id,
        "appidacr": "2" if by_certificate else "1",
        "idp": issuer,
        "tid": principal.tenant_id,
        "uti": uuid.uuid4().hex[:22],
        "ver": "1.0",
    }
