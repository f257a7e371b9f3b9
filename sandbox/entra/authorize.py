"""Sign-ins with an authorization code: the request, what a person does on its page, and the redemption of the code."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.directory import Tenant
from sandbox.entra.errors import EntraError, missing_parameter, unknown_application
from sandbox.entra.person import Choice, person_of
from sandbox.sign_ins import CODE_LIFETIME, AuthorizationCode

_REQUIRED: Final = ("client_id", "response_type", "redirect_uri", "scope")


def check_request(azure: Azure, tenant: Tenant, query: Mapping[str, str]) -> Application:
    """Return the application of a request for a code.

    Raises:
        EntraError: A parameter is missing, or the address for the response is not registered. The page shows it.
    """
    for name in _REQUIRED:
        if not query.get(name):
            raise missing_parameter(name)
    app = azure.directory.applications.get(query["client_id"].lower())
    if app is None or azure.directory.service_principal(app.app_id, tenant.id) is None:
        raise unknown_application(query["client_id"], tenant.name)
    if query["redirect_uri"] not in (app.properties.get("web") or {}).get("redirectUris", ()):
        raise EntraError(
            400,
            "invalid_request",
            50011,
            f"The redirect URI '{query['redirect_uri']}' specified in the request does not match the redirect URIs "
            f"configured for the application '{app.app_id}'.",
        )
    if query["response_type"] != "code" or query.get("code_challenge_method", "S256") != "S256":
        raise EntraError(501, "invalid_request", 0, "The sandbox knows response_type=code with S256 alone.")
    return app


def signed_in(azure: Azure, tenant: Tenant, query: Mapping[str, str], choice: Choice) -> str:
    """Return the address to which the browser goes after the page.

    Raises:
        EntraError: The request is not valid, or the tenant does not have the account. The page shows it.
    """
    app = check_request(azure, tenant, query)
    state = {"state": query["state"]} if query.get("state") else {}
    if choice.cancels:
        description = "AADSTS65004: User declined to consent to access the app."
        return _to(query, {"error": "access_denied", "error_description": description, **state})
    code = AuthorizationCode(
        app_id=app.app_id,
        tenant_id=tenant.id,
        user=person_of(azure, tenant.id, choice),
        mfa=choice.mfa,
        redirect_uri=query["redirect_uri"],
        challenge=query.get("code_challenge", ""),
        nonce=query.get("nonce"),
        expires=azure.clock.now() + CODE_LIFETIME,
    )
    session = {"session_state": app.id}
    return _to(query, {"code": azure.directory.sign_ins.add_code(code), **state, **session})


def redeem_code(azure: Azure, app: Application, tenant: Tenant, form: Mapping[str, str]) -> AuthorizationCode:
    """Return the sign-in of an authorization code, which is then used.

    Raises:
        EntraError: It can't be redeemed by this application, in this tenant, now.
    """
    code = azure.directory.sign_ins.codes.get(form["code"])
    if code is None:
        raise EntraError(400, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
    if code.is_used:
        raise EntraError(
            400,
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing "
            "refresh token.",
        )
    if code.expires <= azure.clock.now():
        raise EntraError(
            400,
            "invalid_grant",
            70008,
            "The provided authorization code or refresh token has expired due to inactivity.",
        )
    if code.app_id != app.app_id or code.tenant_id != tenant.id:
        raise EntraError(
            400, "invalid_grant", 700005, "Provided Authorization Code is intended to use against other tenant."
        )
    if code.redirect_uri != form["redirect_uri"]:
        raise EntraError(
            400,
            "invalid_client",
            500112,
            f"The reply address '{form['redirect_uri']}' does not match the reply address '{code.redirect_uri}' "
            "provided when requesting Authorization code.",
        )
    verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if code.challenge and base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != code.challenge:
        raise EntraError(
            400,
            "invalid_grant",
            501481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )
    code.is_used = True
    return code


def _to(query: Mapping[str, str], response: Mapping[str, str]) -> str:
    return f"{query['redirect_uri']}?{urlencode(response)}"
