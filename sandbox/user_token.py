"""Access tokens of a person who signed in to the Azure CLI, in the format of a managed identity endpoint.

So the unmodified Azure CLI signs in as that person with `az login --identity`. Azure has no such endpoint.
"""

import time
import uuid
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.clouds import CLOUDS
from sandbox.people import Person

_LIFETIME_SECONDS: Final = 3_600
_CLI_APP_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the Azure CLI, in every tenant
_STORAGE: Final = "https://storage.azure.com"
_APP_SERVICE: Final = "https://appservice.azure.com"  # for deployment sites
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
    """Return a token of the person in the path (object ID or user principal name) for the `resource` in the query.

    `scopes` in the query replaces the permissions of Graph, as a session with fewer of them has.
    """
    query = request.query_params
    person = azure.directory.people.person(request.path_params["user"], azure.tenant_id)
    resource = query.get("resource", "")
    if person is None or not resource:
        return _refused("The path must name a person, and the query a resource.")
    more: dict[str, object] = {"scp": "user_impersonation"}
    if _is_graph(resource):
        more = {"scp": query.get("scopes", " ".join(_CLI_SCOPES))}
    elif not _is_azures(resource):
        app = _application(azure, resource)
        if app is None:
            return _refused(
                f"AADSTS500011: The resource principal named {resource} was not found in the tenant named "
                f"{names.TENANT_NAME}."
            )
        if why := _denial(azure, app, person):
            return _refused(why)
        more["roles"] = _roles(azure, app, person)
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
        **more,
    }
    return JSONResponse(
        {
            "access_token": azure.tokens.issue(claims, resource, _LIFETIME_SECONDS),
            "expires_on": str(int(time.time()) + _LIFETIME_SECONDS),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


def _denial(azure: Azure, app: Application, person: Person) -> str:
    """Return why Entra issues no token for an application to the Azure CLI, or an empty text."""
    clients = (app.properties.get("api") or {}).get("preAuthorizedApplications") or ()
    if not any(client.get("appId") == _CLI_APP_ID for client in clients):
        return (
            f"AADSTS65001: The user or administrator has not consented to use the application with ID '{_CLI_APP_ID}' "
            "named 'Microsoft Azure CLI'. Send an interactive authorization request for this user and resource."
        )
    principal = azure.directory.service_principal(app.app_id, azure.tenant_id)
    required = principal is not None and principal.properties.get("appRoleAssignmentRequired")
    if required and not _roles(azure, app, person):
        return (
            f"AADSTS50105: Your administrator has configured the application {app.display_name} ('{app.app_id}') to "
            "block users unless they are specifically granted ('assigned') access to the application. The signed in "
            f"user '{person.name}' is blocked because they are not a direct member of a group with access, nor had "
            "access directly assigned by an administrator."
        )
    return ""


def _application(azure: Azure, resource: str) -> Application | None:
    wanted = resource.rstrip("/").lower()
    for app in azure.directory.applications.values():
        addresses = [address.lower() for address in app.properties.get("identifierUris") or ()]
        if app.tenant_id == azure.tenant_id and (wanted == app.app_id or wanted in addresses):
            return app
    return None


def _roles(azure: Azure, app: Application, person: Person) -> list[str]:
    """Return the app roles that a person has, directly or by a group."""
    principal = azure.directory.service_principal(app.app_id, azure.tenant_id)
    holders = {person.id, *azure.directory.people.groups_of(person.id)}
    assigned = {
        one.role_id
        for one in azure.directory.role_assignments
        if principal is not None and one.resource_id == principal.id and one.principal_id in holders
    }
    return [role["value"] for role in app.properties.get("appRoles") or () if role["id"] in assigned]


def _is_azures(resource: str) -> bool:
    wanted = resource.rstrip("/")
    return wanted in (_STORAGE, _APP_SERVICE) or any(
        wanted in (*cloud.arm_audiences, cloud.vault_audience) for cloud in CLOUDS
    )


def _refused(message: str) -> Response:
    """Return a refusal in the format of the managed identity endpoint."""
    return JSONResponse({"statusCode": 400, "message": message, "correlationId": str(uuid.uuid4())}, status_code=400)


def _is_graph(resource: str) -> bool:
    wanted = resource.rstrip("/")
    return wanted == names.GRAPH_APP_ID or any(wanted == cloud.graph_audience for cloud in CLOUDS)
