"""The managed identity endpoint of App Service, version 2019-08-01.

It is that of this app. An app that a template has created is named after a dot: `<secret>.<site>`.
"""

import time
import uuid
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox import names
from sandbox.azure import Azure
from sandbox.clouds import CLOUDS
from sandbox.service import service

_LIFETIME_SECONDS: Final = 86_400
_RESOURCE_ID: Final = names.BACKEND_SITE_ID.replace("/resourceGroups/", "/resourcegroups/")
_STORAGE: Final = frozenset({"https://storage.azure.com"})
_KNOWN: Final = _STORAGE.union(
    *(cloud.arm_audiences | {cloud.graph_audience, cloud.vault_audience} for cloud in CLOUDS)
)


def app(azure: Azure, secret: str) -> ASGIApp:
    """Return the endpoint. `secret` is the required value of X-IDENTITY-HEADER."""

    async def token(request: Request) -> Response:
        return _token(request, azure, secret)

    return service([Route("/msi/token", token)])


def _token(request: Request, azure: Azure, secret: str) -> Response:
    query = request.query_params
    if "x-identity-header" not in request.headers:
        return _error(400, "The mandatory 'X-IDENTITY-HEADER' is missing.")
    given, _, name = request.headers["x-identity-header"].partition(".")
    site = azure.arm.sites.get(name.lower()) if name else None
    if given != secret or (name and site is None):
        return _error(401, "The value of 'X-IDENTITY-HEADER' is not that of this app.")
    if query.get("api-version") != "2019-08-01":
        return _error(400, "The api-version must be 2019-08-01.")
    if any(name in query for name in ("client_id", "object_id", "principal_id", "mi_res_id")):
        return _error(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        )
    resource = query.get("resource", "")
    if not _is_known(resource):
        return _error(
            400,
            f"AADSTS500011: The resource principal named {resource} was not found in the tenant named "
            f"{names.TENANT_NAME}. This can happen if the application has not been installed by the "
            "administrator of the tenant or consented to by any user in the tenant.",
        )
    principal = azure.directory.service_principal(names.BACKEND_CLIENT_ID, azure.tenant_id)
    roles = {"roles": list(principal.roles)} if principal and principal.roles and _is_graph(resource) else {}
    claims = {
        **roles,
        "iss": f"https://sts.windows.net/{azure.tenant_id}/",
        "appid": names.BACKEND_CLIENT_ID,
        "appidacr": "2",
        "idp": f"https://sts.windows.net/{azure.tenant_id}/",
        "idtyp": "app",
        "oid": site.principal_id if site else names.BACKEND_PRINCIPAL_ID,
        "sub": site.principal_id if site else names.BACKEND_PRINCIPAL_ID,
        "tid": azure.tenant_id,
        "uti": uuid.uuid4().hex[:22],
        "ver": "1.0",
        "xms_mirid": site.id.replace("/resourceGroups/", "/resourcegroups/") if site else _RESOURCE_ID,
    }
    return JSONResponse(
        {
            "access_token": azure.tokens.issue(claims, resource, _LIFETIME_SECONDS),
            "expires_on": str(int(time.time()) + _LIFETIME_SECONDS),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": names.BACKEND_CLIENT_ID,
        }
    )


def _is_known(resource: str) -> bool:
    wanted = resource.rstrip("/")
    host = urlsplit(wanted).hostname or ""
    return wanted in _KNOWN or wanted == names.GRAPH_APP_ID or host.endswith(".core.windows.net")


def _is_graph(resource: str) -> bool:
    wanted = resource.rstrip("/")
    return wanted == names.GRAPH_APP_ID or any(wanted == cloud.graph_audience for cloud in CLOUDS)


def _error(status: int, message: str) -> Response:
    return JSONResponse(
        {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}, status_code=status
    )
