"""The data plane of the storage account's tables: Azurite stores them, and responses use the sandbox's time.

The sandbox checks callers with a token and signs for them. If a caller uses the connection string, the call is signed
already, and Azurite checks it.
"""

import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.access import TABLES, AccessControl
from sandbox.clouds import Place, place_of
from sandbox.service import not_in_the_sandbox, service
from sandbox.tables.azurite_tables import AzuriteTables, TablesCall
from sandbox.tables.shared_key import signature
from sandbox.tables.timestamps import filters_by_timestamp, shifted
from sandbox.tokens import InvalidTokenError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sandbox.azure import Azure

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "MERGE", "DELETE"]
_AUDIENCES: Final = frozenset({"https://storage.azure.com"})
_NOT_KNOWN: Final = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
_NO_FILTER: Final = (
    "The CIPP Backend sandbox, which is not Azure, can't filter by Timestamp: Azurite keeps this machine's time."
)
_NOT_ALLOWED: Final = "This request is not authorized to perform this operation using this permission."


def app(azure: "Azure", tables: AzuriteTables) -> "ASGIApp":
    """Return the service for callers with a token."""

    async def respond(request: Request) -> Response:
        place = place_of(request.url.hostname or "")
        account = azure.arm.storage_accounts.get(place.account or "") if place else None
        if place is None or account is None:
            return not_in_the_sandbox(request)
        refused = _refused(azure, place, request, account.id)
        if refused is not None:
            return refused
        address = urlsplit(tables.account.address)
        target = f"{address.path}{_target(request)}"
        date = formatdate(usegmt=True)
        authorization = signature(tables.account, date, target.partition("?")[0], request.url.query)
        replaced = {b"host": address.netloc, b"x-ms-date": date, b"authorization": authorization}
        headers = [header for header in request.headers.raw if header[0] not in {*replaced, b"date"}]
        headers += [(name, value.encode()) for name, value in replaced.items()]
        # A transaction contains the address of each of its rows.
        here = f"https://{request.url.hostname}/".encode()
        body = (await request.body()).replace(here, f"{tables.account.address}/".encode())
        return await _forward(azure, tables, TablesCall(request.method, target, headers, body))

    return service([Route("/{path:path}", respond, methods=_METHODS)])


def by_key_app(azure: "Azure", tables: AzuriteTables) -> "ASGIApp":
    """Return the service for callers with the connection string. It forwards the call and its signature unchanged."""

    async def respond(request: Request) -> Response:
        call = TablesCall(request.method, _target(request), request.headers.raw, await request.body())
        return await _forward(azure, tables, call)

    return service([Route("/{path:path}", respond, methods=_METHODS)])


async def _forward(azure: "Azure", tables: AzuriteTables, call: TablesCall) -> Response:
    if filters_by_timestamp(call.target.partition("?")[2], call.body):
        return _problem(501, "NotImplementedInSandbox", _NO_FILTER, {"x-sandbox": "cipp-backend"})
    response = await tables.forward(call)
    response.body = shifted(bytes(response.body), azure.clock)
    return response


def _target(request: Request) -> str:
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _refused(azure: "Azure", place: Place, request: Request, account_id: str) -> Response | None:
    """Return 401 without a valid token, 403 without the role, or None if the caller is allowed."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    audiences = _AUDIENCES | {f"https://{place.account}.table.{place.cloud.storage_suffix}"}
    try:
        claims = azure.tokens.check(token if scheme.lower() == "bearer" else "", audiences)
    except InvalidTokenError:
        challenge = (
            f"Bearer authorization_uri=https://{place.cloud.login}/{azure.tenant_id}/oauth2/authorize "
            "resource_id=https://storage.azure.com"
        )
        return _problem(401, "InvalidAuthenticationInfo", _NOT_KNOWN, {"www-authenticate": challenge})
    who = str(claims.get("oid", "")).lower()
    if _is_allowed(azure.arm.access, who, request, account_id):
        return None
    return _problem(403, "AuthorizationPermissionMismatch", _NOT_ALLOWED, {})


def _is_allowed(access: AccessControl, who: str, request: Request, account_id: str) -> bool:
    """Return whether a role allows the call. Rows are data, tables are not. A whole transaction is a write."""
    kind = {"GET": "read", "DELETE": "delete"}.get(request.method, "write")
    if request.url.path.strip("/").lower().startswith("tables"):
        return access.allows(who, f"{TABLES}/{kind}", account_id)
    return access.allows_data(who, f"{TABLES}/entities/{kind}", account_id)


def _problem(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    request_id = str(uuid.uuid4())
    body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": f"{message}\nRequestId:{request_id}"}}}
    headers = {**headers, "x-ms-error-code": code, "x-ms-request-id": request_id}
    return JSONResponse(body, status, headers, media_type="application/json;odata=minimalmetadata;charset=utf-8")
