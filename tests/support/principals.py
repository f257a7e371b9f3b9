"""The platform's headers about a caller, in each of their formats."""

import base64
import json

from sandbox import names

CLIENT_ID = "0f9c2b1e-6d47-4a3b-8e51-7c9d0a2f4b68"
PRINCIPAL = "x-ms-client-principal"
NAME = f"{PRINCIPAL}-name"
PROVIDER = f"{PRINCIPAL}-idp"


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def claims(*roles: str, **values: str) -> str:
    """Return the header of App Service authentication: a list of claims, with one claim for each role."""
    pairs = [*values.items(), *(("roles", role) for role in roles)]
    return of_pairs(pairs)


def of_pairs(pairs: list[tuple[str, str]]) -> str:
    """Return the same header from pairs, for claims that occur more than once."""
    shape = {"auth_typ": "aad", "claims": [{"typ": name, "val": value} for name, value in pairs]}
    return encoded({**shape, "name_typ": "upn", "role_typ": "roles"})


def user(*roles: str, groups: tuple[str, ...] = (), **values: str) -> dict[str, str]:
    """Return the headers of a user of the partner's tenant, with claims."""
    token = {"tid": names.TENANT_ID, "oid": names.MEMBER_ID, "sub": "pairwise", "scp": "user_impersonation"}
    whole = {**token, "upn": names.MEMBER_NAME, **values}
    pairs = [*whole.items(), *(("roles", role) for role in roles), *(("groups", group) for group in groups)]
    return {PRINCIPAL: of_pairs(pairs), PROVIDER: "aad", NAME: names.MEMBER_NAME}


def application(client_id: str = CLIENT_ID, **values: str) -> dict[str, str]:
    """Return the headers of an application of the partner's tenant, with its own token."""
    token = {"tid": names.TENANT_ID, "oid": "b7", "sub": "b7", "idtyp": "app", "azp": client_id, **values}
    return {PRINCIPAL: claims(**token), PROVIDER: "aad", NAME: client_id}


def visitor(name: str = names.MEMBER_NAME, *roles: str, provider: str = "aad") -> dict[str, str]:
    """Return the header of a static web app's user. Without other roles, the user has the platform's two."""
    shape = {
        "identityProvider": provider,
        "userId": "5a1d0b0c",
        "userDetails": name,
        "userRoles": [*roles, "anonymous", "authenticated"],
    }
    return {PRINCIPAL: encoded(shape)}
