"""Read the principal from the platform's headers: a user of the static web app, a user, or an application. Pure.

A principal is not trusted if a claim that must have one value has several different ones.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from backend.access.principals import ENTRA, Application, Principal, StaticWebAppUser, User
from backend.errors import NotSignedInError
from backend.formats import is_guid

HEADER: Final = "x-ms-client-principal"
NAME_HEADER: Final = "x-ms-client-principal-name"
PROVIDER_HEADER: Final = "x-ms-client-principal-idp"
_UNREADABLE: Final = "Couldn't read the principal from the platform"


def principal_of(headers: Mapping[str, str]) -> Principal:
    """Return the principal from the platform's headers.

    Raises:
        NotSignedInError: The principal is missing, or it can't be trusted or read.
    """
    header = headers.get(HEADER, "")
    if not header.strip():
        raise NotSignedInError("You are not signed in.", advice="Sign in, or send a token for this app.")
    principal = _decoded(header.strip())
    if isinstance(principal.get("claims"), list) and not principal.get("userDetails"):
        if not _is_of_entra(principal, headers):
            raise NotSignedInError(
                f"{_UNREADABLE}: only claims from Microsoft Entra ID are trusted, and these are from another provider."
            )
        return _by_claims(_claims(principal["claims"]), headers)
    return _of_static_web_app(principal, headers)


def _is_of_entra(principal: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Return whether the claims come from Entra, by the headers and the principal."""
    provider = _provider_in(headers) or str(principal.get("auth_typ") or ENTRA).strip().lower()
    name = principal.get("identityProvider")
    return provider == ENTRA and (name in (None, "") or str(name).strip().lower() == ENTRA)


def _decoded(header: str) -> dict[str, Any]:
    try:
        principal = msgspec.json.decode(base64.b64decode(header + "=" * (-len(header) % 4), validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise NotSignedInError(f"{_UNREADABLE}: it must be base64-encoded JSON.") from error
    if not isinstance(principal, dict):
        raise NotSignedInError(f"{_UNREADABLE}: it must be a JSON object.")
    return principal


def _of_static_web_app(principal: Mapping[str, Any], headers: Mapping[str, str]) -> StaticWebAppUser:
    roles = principal.get("userRoles")
    name, user_id, provider = (principal.get(field) or "" for field in ("userDetails", "userId", "identityProvider"))
    if not (isinstance(roles, list) and all(isinstance(text, str) for text in (*roles, name, user_id, provider))):
        raise NotSignedInError(
            f"{_UNREADABLE}: userRoles must be a list of strings, and the other fields must be strings."
        )
    if _provider_in(headers) == ENTRA and is_guid(headers.get(NAME_HEADER, "").strip()):
        raise NotSignedInError(f"{_UNREADABLE}: it belongs to a user, but the name header identifies an application.")
    return StaticWebAppUser(name, user_id, provider, tuple(roles))


def _claims(claims: list[Any]) -> dict[str, list[str]]:
    """Return the values of each claim by its short name."""
    gathered: dict[str, list[str]] = {}
    for claim in claims:
        if not (isinstance(claim, dict) and isinstance(claim.get("typ"), str) and isinstance(claim.get("val"), str)):
            raise NotSignedInError(f"{_UNREADABLE}: a claim has no type or value.")
        name = claim["typ"].lower()
        gathered.setdefault(_SHORT_NAMES.get(name, name), []).append(claim["val"])
    for name in _SINGLE:
        if len({value.lower() for value in gathered.get(name, ())}) > 1:
            raise NotSignedInError(f"{_UNREADABLE}: its {name} claims have different values.")
    return gathered


def _by_claims(claims: Mapping[str, list[str]], headers: Mapping[str, str]) -> User | Application:
    def one(name: str) -> str:
        return claims.get(name, [""])[0].strip()

    tenant, object_id, subject = one("tid"), one("oid"), one("sub")
    if not tenant:
        raise NotSignedInError(f"{_UNREADABLE}: it has no tid claim.")
    is_own = bool(object_id) and object_id.lower() == subject.lower() and not _has(claims, "scp")
    if one("idtyp").lower() == "app" or is_own:
        return _application(tenant, claims, headers)
    if not _has(claims, *_SIGNS_OF_A_PERSON):
        if not object_id or subject:  # the subject of an application's own token is its object ID
            raise NotSignedInError(f"{_UNREADABLE}: it has none of the claims {', '.join(_SIGNS_OF_A_PERSON)}.")
        return _application(tenant, claims, headers)
    if is_guid(headers.get(NAME_HEADER, "").strip()):
        raise NotSignedInError(f"{_UNREADABLE}: it belongs to a person, but the name header identifies an application.")
    too_many = "_claim_names" in claims or "hasgroups" in claims
    return User(
        tenant=tenant,
        object_id=object_id,
        name=one("upn") or one("preferred_username") or one("name"),
        roles=tuple(claims.get("roles", ())),
        groups=() if too_many else tuple(claims.get("groups", ())),
    )


def _has(claims: Mapping[str, list[str]], *names: str) -> bool:
    """Return whether one of the claims exists and is not blank."""
    return any(value.strip() for name in names for value in claims.get(name, ()))


def _application(tenant: str, claims: Mapping[str, list[str]], headers: Mapping[str, str]) -> Application:
    """Return the application. The claims and both headers must identify the same one."""
    client_ids = {value.strip().lower() for name in ("azp", "appid") for value in claims.get(name, ())} - {""}
    client_id = next(iter(client_ids), "")
    if len(client_ids) != 1 or not is_guid(client_id):
        raise NotSignedInError(f"{_UNREADABLE}: it belongs to an application but doesn't identify which.")
    if _provider_in(headers) != ENTRA or headers.get(NAME_HEADER, "").strip().lower() != client_id:
        raise NotSignedInError(
            f"{_UNREADABLE}: it belongs to the application {client_id}, but the headers identify another caller."
        )
    return Application(tenant, client_id)


def _provider_in(headers: Mapping[str, str]) -> str:
    return headers.get(PROVIDER_HEADER, "").strip().lower()


# Entra adds these only to tokens of people: the first to access tokens, the others to ID tokens.
_SIGNS_OF_A_PERSON: Final = ("scp", "nonce", "preferred_username")
_SINGLE: Final = ("tid", "oid", "sub", "idtyp", "azp", "appid")
# App Service sends a claim under its short name or its older, long one.
_SHORT_NAMES: Final = {
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/claims/groups.link": "hasgroups",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": "groups",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "name",
}
