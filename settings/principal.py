"""Who the platform says is calling: from its headers to a user of the static web app, a user, or an application. Pure.

A claim that has one value and comes with two that differ is not believed.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from backend.key_vault import is_guid
from settings.denials import NotSignedInError

HEADER: Final = "x-ms-client-principal"
NAME_HEADER: Final = "x-ms-client-principal-name"
PROVIDER_HEADER: Final = "x-ms-client-principal-idp"
ENTRA: Final = "aad"
_UNREADABLE: Final = "The principal that the platform sent cannot be read"


@dataclass(frozen=True)
class StaticWebAppUser:
    """A user of the static web app; `roles` are those of the static web app, authenticated and anonymous among them."""

    name: str
    user_id: str
    provider: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class User:
    """A user by the claims of their token; without an `object_id` nobody. `name` is only shown: it identifies nobody.

    `groups` are the ids that the token names; none where it has too many to name them all.
    """

    tenant: str
    object_id: str
    name: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Application:
    """An application by its own token; `client_id` in lower case."""

    tenant: str
    client_id: str


Principal = StaticWebAppUser | User | Application


def principal_of(headers: Mapping[str, str]) -> Principal:
    """Read the platform's headers.

    Raises:
        NotSignedInError: Nobody, or a principal that cannot be believed or read.
    """
    header = headers.get(HEADER, "")
    if not header.strip():
        raise NotSignedInError("You are not signed in: sign in, or send a token of this app.")
    principal = _decoded(header.strip())
    if isinstance(principal.get("claims"), list) and not principal.get("userDetails"):
        if not _is_of_entra(principal, headers):
            raise NotSignedInError(f"{_UNREADABLE}: its claims are another provider's, and Entra's alone are trusted.")
        return _by_claims(_claims(principal["claims"]), headers)
    return _of_static_web_app(principal, headers)


def _is_of_entra(principal: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Return whether neither the headers nor the principal name another provider of the claims."""
    provider = _provider_in(headers) or str(principal.get("auth_typ") or ENTRA).strip().lower()
    name = principal.get("identityProvider")
    return provider == ENTRA and (name in (None, "") or str(name).strip().lower() == ENTRA)


def _decoded(header: str) -> dict[str, Any]:
    try:
        principal = msgspec.json.decode(base64.b64decode(header + "=" * (-len(header) % 4), validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise NotSignedInError(f"{_UNREADABLE}: it is no base64 of JSON.") from error
    if not isinstance(principal, dict):
        raise NotSignedInError(f"{_UNREADABLE}: it is no JSON object.")
    return principal


def _of_static_web_app(principal: Mapping[str, Any], headers: Mapping[str, str]) -> StaticWebAppUser:
    roles = principal.get("userRoles")
    name, user_id, provider = (principal.get(field) or "" for field in ("userDetails", "userId", "identityProvider"))
    if not (isinstance(roles, list) and all(isinstance(text, str) for text in (*roles, name, user_id, provider))):
        raise NotSignedInError(f"{_UNREADABLE}: it names no roles.")
    if _provider_in(headers) == ENTRA and is_guid(headers.get(NAME_HEADER, "").strip()):
        raise NotSignedInError(f"{_UNREADABLE}: beside it an application is named, and it is a user's.")
    return StaticWebAppUser(name, user_id, provider, tuple(roles))


def _claims(claims: list[Any]) -> dict[str, list[str]]:
    """Gather the values of each claim under its short name."""
    gathered: dict[str, list[str]] = {}
    for claim in claims:
        if not (isinstance(claim, dict) and isinstance(claim.get("typ"), str) and isinstance(claim.get("val"), str)):
            raise NotSignedInError(f"{_UNREADABLE}: a claim has no type or no value.")
        name = claim["typ"].lower()
        gathered.setdefault(_SHORT_NAMES.get(name, name), []).append(claim["val"])
    for name in _SINGLE:
        if len({value.lower() for value in gathered.get(name, ())}) > 1:
            raise NotSignedInError(f"{_UNREADABLE}: it has several claims {name} that differ.")
    return gathered


def _by_claims(claims: Mapping[str, list[str]], headers: Mapping[str, str]) -> User | Application:
    def one(name: str) -> str:
        return claims.get(name, [""])[0].strip()

    tenant, object_id, subject = one("tid"), one("oid"), one("sub")
    if not tenant:
        raise NotSignedInError(f"{_UNREADABLE}: it has no claim tid.")
    is_own = bool(object_id) and object_id.lower() == subject.lower() and not _has(claims, "scp")
    if one("idtyp").lower() == "app" or is_own:
        return _application(tenant, claims, headers)
    if not _has(claims, *_SIGNS_OF_A_PERSON):
        if not object_id or subject:  # an application's own subject is its object id
            raise NotSignedInError(f"{_UNREADABLE}: it lacks all of the claims {', '.join(_SIGNS_OF_A_PERSON)}.")
        return _application(tenant, claims, headers)
    if is_guid(headers.get(NAME_HEADER, "").strip()):
        raise NotSignedInError(f"{_UNREADABLE}: it is a person's, and the header beside it names an application.")
    too_many = "_claim_names" in claims or "hasgroups" in claims
    return User(
        tenant=tenant,
        object_id=object_id,
        name=one("upn") or one("preferred_username") or one("name"),
        roles=tuple(claims.get("roles", ())),
        groups=() if too_many else tuple(claims.get("groups", ())),
    )


def _has(claims: Mapping[str, list[str]], *names: str) -> bool:
    """Return whether one of the claims is there and not blank."""
    return any(value.strip() for name in names for value in claims.get(name, ()))


def _application(tenant: str, claims: Mapping[str, list[str]], headers: Mapping[str, str]) -> Application:
    """Return the application that the claims and both headers name."""
    client_ids = {value.strip().lower() for name in ("azp", "appid") for value in claims.get(name, ())} - {""}
    client_id = next(iter(client_ids), "")
    if len(client_ids) != 1 or not is_guid(client_id):
        raise NotSignedInError(f"{_UNREADABLE}: it is an application's own, and does not tell which one's.")
    if _provider_in(headers) != ENTRA or headers.get(NAME_HEADER, "").strip().lower() != client_id:
        raise NotSignedInError(
            f"{_UNREADABLE}: it is the application {client_id}'s own, and the headers beside it name another."
        )
    return Application(tenant, client_id)


def _provider_in(headers: Mapping[str, str]) -> str:
    return headers.get(PROVIDER_HEADER, "").strip().lower()


# Entra puts these into tokens of people alone: the first into access tokens, the others into id tokens.
_SIGNS_OF_A_PERSON: Final = ("scp", "nonce", "preferred_username")
_SINGLE: Final = ("tid", "oid", "sub", "idtyp", "azp", "appid")
# App Service may send a claim by its short name or by its older, long one.
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
