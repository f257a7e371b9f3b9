"""The data plane of the storage account's tables, for callers with a token: checked here, answered by Azurite."""

import asyncio
import uuid
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.access import TABLES, AccessControl
from sandbox.clouds import Place, place_of
from sandbox.service import not_in_the_sandbox, service
from sandbox.tables.azurite_tables import ask
from sandbox.tokens import InvalidTokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from sandbox.azure import Azure
    from sandbox.azurite import Tables

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "MERGE", "DELETE"]
_AUDIENCES: Final = frozenset({"https://storage.azure.com"})
_NOT_KNOWN: Final = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
_NOT_ALLOWED: Final = "This request is not authorized to perform this operation using this permission."


def app(azure: "Azure", tables: "Callable[[], Tables]") -> "ASGIApp":
    """Build the service; `tables` tells where Azurite keeps the account's tables."""

    async def answer(request: Request) -> Response:
        place = place_of(request.url.hostname or "")
        account = azure.arm.storage_accounts.get(place.account or "") if place else None
        if place is None or account is None:
            return not_in_the_sandbox(request)
        body = await request.body()
        refused = _refused(azure, place, request, account.id)
        if refused is not None:
            return refused
        return await asyncio.to_thread(ask, tables(), request, body)

    return service([Route("/{path:path}", answer, methods=_METHODS)])


def _refused(azure: "Azure", place: Place, request: Request, account_id: str) -> Response | None:
    """Answer 401 without a good token, 403 without the role; None for who may."""
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
    """Rows are data, tables are none; the whole of a transaction is a write."""
    kind = {"GET": "read", "DELETE": "delete"}.get(request.method, "write")
    if request.url.path.strip("/").lower().startswith("tables"):
        return access.allows(who, f"{TABLES}/{kind}", account_id)
    return access.allows_data(who, f"{TABLES}/entities/{kind}", account_id)


def _problem(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    request_id = str(uuid.uuid4())
    body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": f"{message}\nRequestId:{request_id}"}}}
    told = {**headers, "x-ms-error-code": code, "x-ms-request-id": request_id}
    return JSONResponse(body, status, told, media_type="application/json;odata=minimalmetadata;charset=utf-8")
