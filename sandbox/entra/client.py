"""How an application authenticates: by client secret or by a signed assertion."""

import secrets as compare
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import hashes

from sandbox.application import Application, KeyCredential, is_live
from sandbox.azure import Azure
from sandbox.directory import Tenant
from sandbox.entra.errors import EntraError, missing_parameter, unknown_application

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_THUMBPRINTS: Final = (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1()))  # noqa: S303 - x5t is SHA-1


def authenticate(azure: Azure, form: Mapping[str, str], tenant: Tenant, host: str) -> Application:
    """Return the application whose credential is in `form`.

    Raises:
        EntraError: The credential is missing or not valid.
    """
    app_id = form.get("client_id", "").lower()
    if not app_id:
        raise missing_parameter("client_id")
    app = azure.directory.applications.get(app_id)
    if app is None or azure.directory.service_principal(app_id, tenant.id) is None:
        raise unknown_application(form["client_id"], tenant.name)
    if form.get("client_assertion"):
        _check_assertion(azure, app, form, tenant, host)
    elif form.get("client_secret"):
        check_secret(azure, app, form["client_secret"])
    else:
        raise EntraError(
            401,
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )
    return app


def public_client(azure: Azure, form: Mapping[str, str], tenant: Tenant | None) -> Application:
    """Return the application in `form` as a public client, which has no credential.

    Raises:
        EntraError: It is not in the tenant, does not allow public client flows, or sent a credential.
    """
    app_id = form.get("client_id", "").lower()
    if not app_id:
        raise missing_parameter("client_id")
    app = azure.directory.applications.get(app_id)
    name = tenant.name if tenant else "common"
    if app is None or (tenant and azure.directory.service_principal(app_id, tenant.id) is None):
        raise unknown_application(form["client_id"], name)
    if not app.properties.get("isFallbackPublicClient"):
        raise EntraError(
            401,
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )
    if form.get("client_secret") or form.get("client_assertion"):
        raise EntraError(
            401,
            "invalid_client",
            700025,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        )
    return app


def check_secret(azure: Azure, app: Application, text: str) -> None:
    """Accept a client secret that can sign in now.

    Raises:
        EntraError: It can't.
    """
    now = azure.clock.now()
    known = [p for p in app.passwords if compare.compare_digest(p.secret_text.encode(), text.encode())]
    if any(is_live(password, now, _propagation(azure)) for password in known):
        return
    if any(password.end <= now for password in known):
        raise EntraError(
            401,
            "invalid_client",
            7000222,
            f"The provided client secret keys for app '{app.app_id}' are expired. Visit the Azure portal to "
            "create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate "
            "credentials for added security: https://aka.ms/certCreds.",
        )
    raise EntraError(401, "invalid_client", 7000215, "Invalid client secret is provided.")


def _check_assertion(azure: Azure, app: Application, form: Mapping[str, str], tenant: Tenant, host: str) -> None:
    if form.get("client_assertion_type") != _ASSERTION_TYPE:
        raise missing_parameter("client_assertion_type")
    assertion = form["client_assertion"]
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError as error:
        raise EntraError(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from error
    key = _signing_key(azure, app, header)
    claims = _verified(assertion, key)
    if {claims.get("iss"), claims.get("sub")} != {app.app_id}:
        raise EntraError(
            401,
            "invalid_client",
            700021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        )
    audiences = {
        f"https://{host}/{name}/{end}"
        for name in (tenant.id, tenant.domain)
        for end in ("oauth2/v2.0/token", "oauth2/token", "v2.0")
    }
    if str(claims["aud"]).rstrip("/").lower() not in {audience.lower() for audience in audiences}:
        raise EntraError(
            401,
            "invalid_client",
            700023,
            "Client assertion audience claim does not match Realm issuer. Review the documentation at "
            "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        )


def _signing_key(azure: Azure, app: Application, header: Mapping[str, Any]) -> KeyCredential:
    now = azure.clock.now()
    for name, algorithm in _THUMBPRINTS:
        if name in header:
            shown = str(header[name]).rstrip("=")  # MSAL pads it, others don't
            found = [k for k in app.keys if k.thumbprint(algorithm) == shown]
            live = [k for k in found if is_live(k, now, _propagation(azure))]
            if live:
                return live[0]
            raise _bad_signature(header[name], expired=any(k.end <= now for k in found))
    raise _bad_signature("", expired=False)


def _bad_signature(thumbprint: str, *, expired: bool) -> EntraError:
    reason = "The key used is expired." if expired else "The key was not found."
    return EntraError(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is "
        f"{'expired' if expired else 'not registered'} on application. "
        f"[Reason - {reason}, Thumbprint of key used by client: '{thumbprint}']",
    )


def _verified(assertion: str, key: KeyCredential) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key.loaded().public_key(),  # type: ignore[arg-type]  # any RSA key. Others fail as a bad signature.
            algorithms=["RS256", "PS256"],
            options={"verify_aud": False, "require": ["exp", "aud", "iss", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise EntraError(
            401, "invalid_client", 700024, "Client assertion is not within its valid time range."
        ) from error
    except (jwt.InvalidTokenError, TypeError) as error:
        raise EntraError(
            401,
            "invalid_client",
            700027,
            "Client assertion failed signature validation. [Reason - The provided signature value did not "
            "match the expected signature value.]",
        ) from error
    return claims


def _propagation(azure: Azure) -> timedelta:
    return timedelta(seconds=azure.options.propagation_seconds)
