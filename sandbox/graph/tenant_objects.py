"""The other objects of a tenant: service principals and the organization itself."""

import re
from typing import Any, Final

from starlette.responses import Response

from sandbox.directory import ServicePrincipal
from sandbox.graph.call import Call, NotInTheSandboxError
from sandbox.graph.errors import not_found
from sandbox.names import GRAPH_APP_ID
from sandbox.permissions import GRAPH_APP_ROLES

READ_ORGANIZATION: Final = (
    "Organization.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "User.Read",
)
_EQUALS: Final = re.compile(r"^\s*(appId|id)\s+eq\s+'([^']*)'\s*$", re.IGNORECASE)
_PRINCIPALS: Final = "servicePrincipals"


def list_principals(call: Call) -> Response:
    """GET /servicePrincipals."""
    principals = _visible(call)
    if text := call.request.query_params.get("$filter"):
        found = _EQUALS.match(text)
        if found is None:
            raise NotInTheSandboxError
        wanted = found[2].lower()
        by_app = found[1].lower() == "appid"
        principals = [p for p in principals if wanted == (p.app_id if by_app else p.id)]
    return call.collection(_PRINCIPALS, [principal_shape(call, principal) for principal in principals])


def get_principal(call: Call) -> Response:
    """GET /servicePrincipals/{id}."""
    return call.entity(_PRINCIPALS, principal_shape(call, find_principal(call)))


def organization(call: Call) -> Response:
    """GET /organization."""
    tenant = call.azure.directory.tenants[call.tenant_id]
    domain = {
        "capabilities": "Email, OfficeCommunicationsOnline",
        "isDefault": True,
        "isInitial": True,
        "name": tenant.domain,
        "type": "Managed",
    }
    entity = {
        "id": tenant.id,
        "deletedDateTime": None,
        "countryLetterCode": "NL",
        "displayName": tenant.name,
        "tenantType": "AAD",
        "verifiedDomains": [domain],
    }
    return call.collection("organization", [entity])


def find_principal(call: Call) -> ServicePrincipal:
    """Return the service principal in the path, by object ID or `appId`.

    Raises:
        GraphError: The caller's tenant doesn't have it.
    """
    params = call.request.path_params
    wanted = (params.get("app_id") or params["id"]).lower()
    for principal in _visible(call):
        if wanted == (principal.app_id if "app_id" in params else principal.id):
            return principal
    raise not_found(params.get("app_id") or params["id"])


def _visible(call: Call) -> list[ServicePrincipal]:
    return [p for p in call.azure.directory.service_principals if p.tenant_id == call.tenant_id]


def app_roles_of(call: Call, principal: ServicePrincipal) -> list[dict[str, Any]]:
    """Return the app roles that can be assigned: those of Microsoft Graph, or of the application."""
    if principal.app_id == GRAPH_APP_ID:
        return [
            {
                "allowedMemberTypes": ["Application"],
                "description": name,
                "displayName": name,
                "id": role_id,
                "isEnabled": True,
                "origin": "Application",
                "value": name,
            }
            for name, role_id in GRAPH_APP_ROLES.items()
        ]
    app = call.azure.directory.applications.get(principal.app_id)
    return list(app.properties.get("appRoles") or ()) if app else []


def principal_shape(call: Call, principal: ServicePrincipal) -> dict[str, Any]:
    """Return a service principal in Graph's format."""
    app = call.azure.directory.applications.get(principal.app_id)
    properties = app.properties if app else {}
    return {
        "id": principal.id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "appDisplayName": principal.display_name,
        "appId": principal.app_id,
        "appRoleAssignmentRequired": False,
        "displayName": principal.display_name,
        "servicePrincipalType": principal.type,
        "servicePrincipalNames": [principal.app_id, *(properties.get("identifierUris") or ())],
        "tags": [],
        "appRoles": app_roles_of(call, principal),
        "oauth2PermissionScopes": (properties.get("api") or {}).get("oauth2PermissionScopes") or [],
        "keyCredentials": [],
        "passwordCredentials": [],
        **principal.properties,
    }
