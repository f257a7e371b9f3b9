"""The other objects of a tenant: service principals and the organization itself."""

import re
import uuid
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
    return call.collection(_PRINCIPALS, [_shape(principal) for principal in principals])


def get_principal(call: Call) -> Response:
    """GET /servicePrincipals/{id}."""
    return call.entity(_PRINCIPALS, _shape(_find(call)))


def app_role_assignments(call: Call) -> Response:
    """GET /servicePrincipals/{id}/appRoleAssignments."""
    principal = _find(call)
    graph = next(p for p in _visible(call) if p.app_id == GRAPH_APP_ID)
    entities = [
        {
            "id": str(uuid.uuid5(uuid.UUID(principal.id), role)),
            "deletedDateTime": None,
            "appRoleId": GRAPH_APP_ROLES[role],
            "createdDateTime": None,
            "principalDisplayName": principal.display_name,
            "principalId": principal.id,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": graph.display_name,
            "resourceId": graph.id,
        }
        for role in principal.roles
    ]
    return call.collection(f"servicePrincipals('{principal.id}')/appRoleAssignments", entities)


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


def _find(call: Call) -> ServicePrincipal:
    params = call.request.path_params
    wanted = (params.get("app_id") or params["id"]).lower()
    for principal in _visible(call):
        if wanted == (principal.app_id if "app_id" in params else principal.id):
            return principal
    raise not_found(params.get("app_id") or params["id"])


def _visible(call: Call) -> list[ServicePrincipal]:
    return [p for p in call.azure.directory.service_principals if p.tenant_id == call.tenant_id]


def _shape(principal: ServicePrincipal) -> dict[str, Any]:
    roles = GRAPH_APP_ROLES if principal.app_id == GRAPH_APP_ID else {}
    return {
        "id": principal.id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "appDisplayName": principal.display_name,
        "appId": principal.app_id,
        "displayName": principal.display_name,
        "servicePrincipalType": principal.type,
        "servicePrincipalNames": [principal.app_id],
        "tags": [],
        "appRoles": [
            {
                "allowedMemberTypes": ["Application"],
                "description": name,
                "displayName": name,
                "id": role_id,
                "isEnabled": True,
                "origin": "Application",
                "value": name,
            }
            for name, role_id in roles.items()
        ],
        "keyCredentials": [],
        "passwordCredentials": [],
    }
