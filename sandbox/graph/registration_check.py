"""The changes of an application that Entra refuses, as its documentation and reports of users have them.

None of this was run against real Azure.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from sandbox.application import Application
from sandbox.graph.errors import GraphError, bad_request

_DISABLE_FIRST: Final = "Permission (scope or role) cannot be deleted or updated unless disabled first."


def check_registration(before: Application, after: Application, domain: str) -> None:
    """Accept a changed application, or refuse it.

    Raises:
        GraphError: 400. An address of the app is not verified, or a role, a scope or a pre-authorization is not valid.
    """
    for address in after.properties.get("identifierUris") or ():
        _check_address(str(address), after, domain)
    roles, scopes = _entries(after, "appRoles"), _scopes(after)
    for entry in (*roles, *scopes):
        _check_id(entry.get("id"))
    ids = [entry.get("id") for entry in (*roles, *scopes)]
    values = [entry["value"] for entry in roles if entry.get("value")]
    if len(set(ids)) < len(ids) or len(set(values)) < len(values):
        raise bad_request("It contains duplicate value. Please Provide unique value.")
    _check_removed(_entries(before, "appRoles"), roles)
    _check_removed(_scopes(before), scopes)
    known = {entry["id"] for entry in scopes}
    for client in (after.properties.get("api") or {}).get("preAuthorizedApplications") or ():
        if not set(client.get("delegatedPermissionIds") or ()) <= known:
            raise bad_request(
                "Property PreAuthorizedApplications references a permission that cannot be found on the resource "
                "application."
            )


def _entries(app: Application, name: str) -> list[Mapping[str, Any]]:
    return list(app.properties.get(name) or ())


def _scopes(app: Application) -> list[Mapping[str, Any]]:
    return list((app.properties.get("api") or {}).get("oauth2PermissionScopes") or ())


def _check_id(text: object) -> None:
    try:
        uuid.UUID(str(text))
    except ValueError as error:
        raise bad_request(f"Cannot convert the literal '{text}' to the expected type 'Edm.Guid'.") from error


def _check_address(address: str, app: Application, domain: str) -> None:
    allowed = (f"api://{app.app_id}", f"api://{app.tenant_id}/", f"https://{domain}", f"api://{domain}")
    if not address.lower().startswith(allowed):
        raise GraphError(
            400,
            "HostNameNotOnVerifiedDomain",
            f"Values of identifierUris property must use a verified domain of the organization or its subdomain: "
            f"'{address}'",
        )


def _check_removed(before: list[Mapping[str, Any]], after: list[Mapping[str, Any]]) -> None:
    """Refuse the removal of a role or a scope that is enabled."""
    left = {entry.get("id") for entry in after}
    if any(entry.get("isEnabled", True) and entry.get("id") not in left for entry in before):
        raise GraphError(400, "CannotDeleteOrUpdateEnabledEntitlement", _DISABLE_FIRST)
