"""The data plane of all vaults: from the request to the response."""

import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clouds import Place, place_of
from sandbox.key_vault import access, errors
from sandbox.key_vault.call import Call
from sandbox.key_vault.limits import check_api_version
from sandbox.key_vault.operations import OPERATIONS, Operation
from sandbox.key_vault.state import Vault
from sandbox.key_vault.throttle import OTHER_CALLS, Throttle
from sandbox.service import not_in_the_sandbox, route, service

if TYPE_CHECKING:  # it stores the vaults, so it imports this package
    from starlette.types import ASGIApp

    from sandbox.azure import Azure

Content = dict[str, Any] | None
Endpoint = Callable[[Request], Awaitable[Response]]

_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_SERVICE_VERSION = "1.9.3097.1"


class _ApiResponse(JSONResponse):
    media_type = "application/json; charset=utf-8"


def app(azure: "Azure") -> "ASGIApp":
    """Return the service of all vaults. For a vault that doesn't exist, it responds with 501.

    (In Azure, such a name doesn't resolve. Here, every name leads to the sandbox.)
    """
    throttles: dict[tuple[str, bool], Throttle] = {}

    def throttle(vault: Vault, operation: Operation) -> None:
        limit = azure.options.vault_writes_per_10s if operation.creates else OTHER_CALLS
        if not throttles.setdefault((vault.name, operation.creates), Throttle(limit)).take():
            raise errors.throttled()

    def run(operation: Operation | None, request: Request, place: Place, vault: Vault, body: bytes) -> Content:
        claims = access.authenticate(request.headers.get("authorization"), azure.tokens, place.cloud, vault)
        if operation is None:
            raise errors.method_not_allowed(request.method)
        version = check_api_version(request.query_params.get("api-version"))
        throttle(vault, operation)
        access.authorize(claims, operation, vault, request.path_params.get("name"))
        return operation.run(
            Call(
                vault=vault,
                vault_url=f"https://{vault.name}.{place.cloud.vault_suffix}",
                api_version=version,
                path=request.url.path.rstrip("/"),
                path_params=request.path_params,
                query=request.query_params,
                body=body,
            )
        )

    def endpoint(operation: Operation | None) -> Endpoint:
        async def respond(request: Request) -> Response:
            place = place_of(request.url.hostname or "")
            vault = azure.vaults.get(place.vault) if place is not None and place.vault else None
            if place is None or vault is None:
                return not_in_the_sandbox(request)
            body = await request.body()  # read first: nothing waits after this
            headers = _headers(request, vault)
            try:
                content = run(operation, request, place, vault, body)
            except errors.VaultError as error:
                if error.status == 401:
                    headers["www-authenticate"] = access.challenge(place.cloud, vault)
                return _ApiResponse(error.body, error.status, headers)
            return Response(None, 204, headers) if content is None else _ApiResponse(content, 200, headers)

        return respond

    known = [_routes(operation.path, [operation.method], endpoint(operation)) for operation in OPERATIONS]
    others = [_routes(path, _METHODS, endpoint(None)) for path in {operation.path for operation in OPERATIONS}]
    return service([route for routes in (*known, *others) for route in routes])


def _routes(path: str, methods: Collection[str], endpoint: Endpoint) -> list[Route]:
    return [route(with_slash_or_not, endpoint, *methods) for with_slash_or_not in (path, f"{path}/")]


def _headers(request: Request, vault: Vault) -> dict[str, str]:
    address = request.client.host if request.client else "127.0.0.1"
    headers = {
        "cache-control": "no-cache",
        "pragma": "no-cache",
        "expires": "-1",
        "x-ms-keyvault-region": vault.location,
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-keyvault-service-version": _SERVICE_VERSION,
        "x-ms-keyvault-network-info": f"conn_type=Ipv4;addr={address};act_addr_fam=InterNetwork;",
        "x-content-type-options": "nosniff",
        "strict-transport-security": "max-age=31536000;includeSubDomains",
    }
    client_request_id = request.headers.get("x-ms-client-request-id")
    if client_request_id is not None:
        headers["x-ms-client-request-id"] = client_request_id
    return headers
