"""Graph's errors, in its own wording."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

CHALLENGE: Final = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


class GraphError(Exception):
    """A refusal by Graph."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def request_headers(request: Request) -> dict[str, str]:
    """Return the headers of every response of Graph."""
    request_id = str(uuid.uuid4())
    return {
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
        "strict-transport-security": "max-age=31536000",
        "request-id": request_id,
        "client-request-id": request.headers.get("client-request-id", request_id),
        "x-ms-ags-diagnostic": (
            '{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"002",'
            '"RoleInstance":"AM2PEPF00018EE1"}}'
        ),
        "x-ms-resource-unit": "1",
    }


def error_response(error: GraphError, request: Request, now: datetime) -> Response:
    """Return the response for `error`."""
    headers = request_headers(request)
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "innerError": {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": headers["request-id"],
                "client-request-id": headers["client-request-id"],
            },
        }
    }
    return JSONResponse(body, error.status, {**headers, **error.headers})


def not_found(what: str) -> GraphError:
    """Return the error for an object that does not exist."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


def bad_request(message: str) -> GraphError:
    """Return the error for an invalid request."""
    return GraphError(400, "Request_BadRequest", message)
