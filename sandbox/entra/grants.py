"""The token endpoint's grants: client credentials, refresh token, authorization code and device code."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.clouds import Cloud
from sandbox.directory import REFRESH_TOKEN_LIFETIME, RefreshToken, ServicePrincipal, Tenant
from sandbox.entra.access import (
    BY_CERTIFICATE,
    BY_NOTHING,
    BY_SECRET,
    LIFETIME_SECONDS,
    app_token,
    client_info,
    id_token,
    scopes,
    user_token,
)
from sandbox.entra.authorize import redeem_code
from sandbox.entra.client import authenticate, public_client
from sandbox.entra.device import redeem_device
from sandbox.entra.errors import EntraError, missing_parameter, unknown_application, unknown_tenant
from sandbox.entra.resources import audience_of, checked_resource

_DEVICE_CODE: Final = ("urn:ietf:params:oauth:grant-type:device_code", "device_code")
_ANY_TENANT: Final = frozenset({"common", "organizations"})


def token(azure: Azure, tenant_name: str, form: Mapping[str, str], cloud: Cloud, host: str) -> dict[str, Any]:
    """Return the response of the token endpoint. Version 1 requires `resource`, version 2 `scope`.

    Raises:
        EntraError: Entra refuses the request.
    """
    grant = form.get("grant_type")
    if not grant:
        raise missing_parameter("grant_type")
    if grant == "client_credentials":
        return _client_credentials(azure, _tenant(azure, tenant_name), form, cloud, host)
    if grant == "refresh_token":
        return _refresh(azure, tenant_name, form, cloud, host)
    if grant == "authorization_code":
        return _authorization_code(azure, _tenant(azure, tenant_name), form, cloud, host)
    if grant in _DEVICE_CODE:
        return _device_code(azure, tenant_name, form, cloud)
    raise EntraError(400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")


def _client_credentials(
    azure: Azure, tenant: Tenant, form: Mapping[str, str], cloud: Cloud, host: str
) -> dict[str, Any]:
    app = authenticate(azure, form, tenant, host)
    audience = _audience(form, cloud, tenant, default_only=True)
    principal = _principal(azure, app, tenant)
    by_certificate = "client_assertion" in form
    return {
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS - 1,
        "ext_expires_in": LIFETIME_SECONDS - 1,
        "access_token": app_token(azure, principal, audience, cloud, by_certificate=by_certificate),
    }


def _refresh(azure: Azure, tenant_name: str, form: Mapping[str, str], cloud: Cloud, host: str) -> dict[str, Any]:
    if not form.get("refresh_token"):
        raise missing_parameter("refresh_token")
    found = azure.directory.refresh_token(form["refresh_token"])
    if tenant_name.lower() in _ANY_TENANT and found is not None:
        tenant_name = found.tenant_id
    tenant = _tenant(azure, tenant_name)
    app = authenticate(azure, form, tenant, host)
    old = check_grant(azure, found, app, tenant)
    audience = _audience(form, cloud, tenant, default_only=False)
    new = replace(old, issued=azure.clock.now())
    return _delegated(azure, app, tenant, new, _TokenRequest(form.get("scope", ""), audience, cloud, form))


def _authorization_code(
    azure: Azure, tenant: Tenant, form: Mapping[str, str], cloud: Cloud, host: str
) -> dict[str, Any]:
    for name in ("code", "redirect_uri"):
        if not form.get(name):
            raise missing_parameter(name)
    app = authenticate(azure, form, tenant, host)
    code = redeem_code(azure, app, tenant, form)
    audience = _audience(form, cloud, tenant, default_only=False)
    token = RefreshToken(app.app_id, tenant.id, code.user, azure.clock.now(), mfa=code.mfa)
    wanted = _TokenRequest(form.get("scope", ""), audience, cloud, form, nonce=code.nonce)
    return _delegated(azure, app, tenant, token, wanted)


def _device_code(azure: Azure, tenant_name: str, form: Mapping[str, str], cloud: Cloud) -> dict[str, Any]:
    app = public_client(azure, form, azure.directory.tenant(tenant_name))
    device, user = redeem_device(azure, app, azure.directory.tenant(tenant_name), form)
    tenant = _tenant(azure, device.tenant_id)
    audience = audience_of(device.scope, cloud, tenant.name, default_only=False)
    token = RefreshToken(app.app_id, tenant.id, user, azure.clock.now(), mfa=device.mfa)
    return _delegated(azure, app, tenant, token, _TokenRequest(device.scope, audience, cloud, form))


@dataclass(frozen=True)
class _TokenRequest:
    """What the request for a delegated token wanted for, and how the application authenticated."""

    scope: str
    audience: str
    cloud: Cloud
    form: Mapping[str, str]
    nonce: str | None = None

    @property
    def by(self) -> str:
        """How the application authenticated, as in the claim `appidacr`."""
        if "client_assertion" in self.form:
            return BY_CERTIFICATE
        return BY_SECRET if "client_secret" in self.form else BY_NOTHING


def _delegated(
    azure: Azure, app: Application, tenant: Tenant, token: RefreshToken, wanted: _TokenRequest
) -> dict[str, Any]:
    """Return the response with the tokens of a person."""
    principal, words = _principal(azure, app, tenant), wanted.scope.split()
    access = user_token(azure, principal, token.user, wanted.audience, wanted.cloud, by=wanted.by, mfa=token.mfa)
    response = {
        "token_type": "Bearer",
        "scope": _scope_text(wanted.scope, principal, wanted.audience, wanted.cloud),
        "expires_in": LIFETIME_SECONDS - 1,
        "ext_expires_in": LIFETIME_SECONDS - 1,
        "access_token": access,
    }
    if "offline_access" in words or wanted.form.get("grant_type") == "refresh_token":
        response["refresh_token"] = azure.directory.issue_refresh_token(token)
    if "openid" in words:
        response["id_token"] = id_token(azure, app.app_id, tenant, token.user, wanted.cloud, nonce=wanted.nonce)
    if wanted.form.get("client_info") == "1":
        response["client_info"] = client_info(tenant, token.user)
    return response


def check_grant(azure: Azure, token: RefreshToken | None, app: Application, tenant: Tenant) -> RefreshToken:
    """Return `token` if this application can redeem it in this tenant now.

    Raises:
        EntraError: It can't.
    """
    if token is None:
        raise EntraError(400, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
    if token.app_id != app.app_id:
        raise EntraError(
            400,
            "invalid_grant",
            70000,
            "Provided grant is invalid or malformed: the refresh token was issued to another client.",
        )
    if azure.clock.now() - token.issued >= REFRESH_TOKEN_LIFETIME:
        issued = token.issued.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        days = REFRESH_TOKEN_LIFETIME // timedelta(days=1)
        raise EntraError(
            400,
            "invalid_grant",
            700082,
            f"The refresh token has expired due to inactivity. The token was issued on {issued} and was "
            f"inactive for {days}.00:00:00.",
        )
    if token.tenant_id != tenant.id:
        raise EntraError(
            400,
            "invalid_grant",
            50020,
            f"User account '{token.user.name}' from identity provider 'https://sts.windows.net/"
            f"{token.tenant_id}/' does not exist in tenant '{tenant.name}' and cannot access the application "
            f"'{app.app_id}'({app.display_name}) in that tenant. The account needs to be added as an external "
            "user in the tenant first. Sign out and sign in again with a different Azure Active Directory "
            "user account.",
        )
    return token


def _audience(form: Mapping[str, str], cloud: Cloud, tenant: Tenant, *, default_only: bool) -> str:
    if "resource" in form:
        return checked_resource(form["resource"], cloud, tenant.name)
    if default_only and not form.get("scope"):
        raise missing_parameter("scope")
    return audience_of(form.get("scope", ""), cloud, tenant.name, default_only=default_only)


def _scope_text(scope_text: str, principal: ServicePrincipal, audience: str, cloud: Cloud) -> str:
    prefix = f"{audience.rstrip('/')}/"
    granted = [f"{prefix}{scope}" for scope in scopes(principal, audience, cloud).split()]
    requested = scope_text.split()
    return " ".join([*(s for s in ("email", "openid", "profile") if s in requested), *granted, f"{prefix}.default"])


def _tenant(azure: Azure, name: str) -> Tenant:
    tenant = azure.directory.tenant(name)
    if tenant is None:
        raise unknown_tenant(name)
    return tenant


def _principal(azure: Azure, app: Application, tenant: Tenant) -> ServicePrincipal:
    principal = azure.directory.service_principal(app.app_id, tenant.id)
    if principal is None:
        raise unknown_application(app.app_id, tenant.name)
    return principal
