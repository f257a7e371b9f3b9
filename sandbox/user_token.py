"""Access tokens of a person who signed in to the Azure CLI, in the format of a managed identity endpoint.

So the unmodified Azure CLI signs in as that person with `az login --identity`. Azure has no such endpoint.
"""

import time
import uuid
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.azure import Azure
from sandbox.clouds import CLOUDS

_LIFETIME_SECONDS: Final = 3_600
_CLI_APP_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the Azure CLI, in every tenant
# The permissions of Graph that Microsoft gives the Azure CLI in every tenant.
_CLI_SCOPES: Final = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
)


def user_token(azure: Azure, request: Request) -> Response:
    """Return a token of the person in the path (object ID or user principal name) for the `resource` in the query."""
    person = azure.directory.people.person(request.path_params["user"], azure.tenant_id)
    resource = request.query_params.get("resource", "")
    if person is None or not resource:
        return JSONResponse({"error": "The path must name a person, and the query a resource."}, status_code=400)
    issuer = f"https://sts.windows.net/{azure.tenant_id}/"
    claims = {
        "iss": issuer,
        "idp": issuer,
        "appid": _CLI_APP_ID,
        "appidacr": "0",
        "idtyp": "user",
        "name": person.display_name,
        "oid": person.id,
        "sub": person.id,
        "tid": azure.tenant_id,
        "unique_name": person.name,
        "upn": person.name,
        "uti": uuid.uuid4().hex[:22],
        "ver": "1.0",
        "scp": " ".join(_CLI_SCOPES) if _is_graph(resource) else "user_impersonation",
    }
    return JSONResponse(
        {
            "access_token": azure.tokens.issue(claims, resource, _LIFETIME_SECONDS),
            "expires_on": str(int(time.time()) + _LIFETIME_SECONDS),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


def _is_graph(resource: str) -> bool:
    wanted = resource.rstrip("/")
    return wanted == names.GRAPH_APP_ID or any(wanted == cloud.graph_audience for cloud in CLOUDS)
