"""The caller of a vault, and the caller's permissions."""

from typing import Any, Final

import jwt

from sandbox.clouds import Cloud
from sandbox.key_vault import errors
from sandbox.key_vault.operations import Operation
from sandbox.key_vault.state import Vault
from sandbox.tokens import InvalidTokenError, TokenIssuer

_APP_ID: Final = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"  # Azure Key Vault, in every tenant
_ACTIONS: Final = "Microsoft.KeyVault/vaults/secrets/"


def challenge(cloud: Cloud, vault: Vault) -> str:
    """Return the WWW-Authenticate value that shows where to get a token for the vault."""
    return f'Bearer authorization="https://{cloud.login}/{vault.tenant_id}", resource="{cloud.vault_audience}"'


def authenticate(authorization: str | None, tokens: TokenIssuer, cloud: Cloud, vault: Vault) -> dict[str, Any]:
    """Return the claims of the caller.

    Raises:
        VaultError: 401. The token is missing or not valid for this vault.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise errors.unauthorized("AKV10000: Request is missing a Bearer or PoP token.")
    try:
        claims = tokens.check(token.strip(), frozenset({cloud.vault_audience, _APP_ID}))
    except InvalidTokenError as error:
        raise errors.unauthorized(_why_not(token, cloud, error)) from error
    issuer = f"https://sts.windows.net/{vault.tenant_id}/"
    if str(claims.get("tid", "")).lower() != vault.tenant_id.lower():
        raise errors.unauthorized(f"AKV10032: Invalid issuer. Expected one of {issuer}, found {claims.get('iss')}.")
    return claims


def authorize(claims: dict[str, Any], operation: Operation, vault: Vault, secret: str | None) -> None:
    """Check that the caller may perform the operation.

    Raises:
        VaultError: 403. Neither an access policy nor a role allows the operation.
    """
    who = str(claims.get("oid", "")).lower()
    resource = vault.resource_id.lower() + (f"/secrets/{secret}".lower() if secret else "")
    if vault.rbac and vault.access is not None:
        allowed = vault.access.allows_data(who, _ACTIONS + operation.action, resource)
    else:
        allowed = operation.permission in vault.permissions.get(who, frozenset())
    if allowed:
        return
    app_id = claims.get("appid") or claims.get("azp")
    caller = f"appid={app_id};oid={claims.get('oid')};iss={claims.get('iss')}"
    if not vault.rbac:
        raise errors.denied_by_policy(caller, operation.permission, vault.name, vault.location)
    raise errors.denied_by_rbac(caller, _ACTIONS + operation.action, resource, vault.name, vault.location)


def _why_not(token: str, cloud: Cloud, error: InvalidTokenError) -> str:
    if error.expired:
        return "[TokenExpired] Error validating token: 'S2S12086'."
    try:
        found = jwt.decode(token, options={"verify_signature": False}).get("aud")
    except jwt.InvalidTokenError:
        found = None
    if found is not None and str(found).rstrip("/") not in {cloud.vault_audience, _APP_ID}:
        return f"AKV10022: Invalid audience. Expected {cloud.vault_audience}, found: {found}."
    return "AKV10046: Unable to resolve the key used for signature validation."
