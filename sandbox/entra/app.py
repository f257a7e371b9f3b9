"""The service behind login.microsoftonline.com and the hosts of the other clouds."""

import time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.azure import Azure
from sandbox.entra.discovery import instance_discovery, openid_configuration
from sandbox.entra.errors import HEADERS, EntraError, unknown_tenant
from sandbox.entra.grants import token
from sandbox.entra.request import form_of, place_at, refused
from sandbox.entra.sign_in_pages import sign_in_routes
from sandbox.service import service

_SHARED: Final = frozenset({"common", "organizations", "consumers"})


def app(azure: Azure) -> ASGIApp:
    """Return Entra's sign-in service."""

    async def tokens(request: Request) -> Response:
        form = await form_of(request)
        host, cloud = place_at(request)
        try:
            response = token(azure, request.path_params["tenant"], form, cloud, host)
        except EntraError as error:
            return refused(error, request, azure)
        if "/v2.0/" not in request.url.path:
            response = _version_1(response, form.get("resource", cloud.graph_audience))
        return JSONResponse(response, headers=HEADERS)

    async def configuration(request: Request) -> Response:
        name = request.path_params["tenant"]
        host, cloud = place_at(request)
        found = azure.directory.tenant(name)
        if found is None and name.lower() not in _SHARED:
            return refused(unknown_tenant(name, discovery=True), request, azure)
        tenant = found.id if found else name.lower()
        v2 = "/v2.0/" in request.url.path
        return JSONResponse(openid_configuration(host, tenant, cloud, v2=v2))

    async def instance(request: Request) -> Response:
        host, _ = place_at(request)
        default = f"https://{host}/common/oauth2/v2.0/authorize"
        return JSONResponse(instance_discovery(request.query_params.get("authorization_endpoint", default)))

    async def keys(request: Request) -> Response:
        del request
        return JSONResponse(azure.tokens.jwks())

    return service(
        [
            *sign_in_routes(azure),
            Route("/{tenant}/oauth2/v2.0/token", tokens, methods=["POST"]),
            Route("/{tenant}/oauth2/token", tokens, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", configuration),
            Route("/{tenant}/.well-known/openid-configuration", configuration),
            Route("/common/discovery/instance", instance),
            Route("/{tenant}/discovery/v2.0/keys", keys),
            Route("/{tenant}/discovery/keys", keys),
        ]
    )


def _version_1(response: dict[str, Any], resource: str) -> dict[str, Any]:
    """Convert numbers to text, and add what version 2 omits."""
    now = int(time.time())
    numbers = {"expires_on": now + response["expires_in"], "not_before": now}
    numbers |= {name: response[name] for name in ("expires_in", "ext_expires_in")}
    return {**response, **{name: str(number) for name, number in numbers.items()}, "resource": resource}
