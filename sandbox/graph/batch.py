"""JSON batching: several calls in one."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from sandbox.buffered_response import BufferedResponse, buffered_response_of
from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError

_MOST: Final = 20


async def batch(call: Call) -> Response:
    """POST /$batch."""
    requests = call.body.get("requests")
    if not isinstance(requests, list) or not requests:
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    if len(requests) > _MOST:
        raise GraphError(400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {_MOST}.")
    responses = []
    for entry in requests:
        if not isinstance(entry, dict) or not {"id", "method", "url"} <= entry.keys():
            raise GraphError(400, "BadRequest", "Every batch request step needs an id, a method and a url.")
        body = b"" if entry.get("body") is None else json.dumps(entry["body"]).encode()
        response = await buffered_response_of(call.request.app, _scope(call.request, call.version, entry), body)
        responses.append(_response(str(entry["id"]), response))
    return call.respond({"responses": responses})


def _scope(request: Request, version: str, entry: Mapping[str, Any]) -> Scope:
    parts = urlsplit(str(entry["url"]))
    path = f"/{version}/{parts.path.lstrip('/')}"
    headers = {
        "host": request.headers["host"],
        "authorization": request.headers["authorization"],
        "content-type": "application/json",
    }
    headers |= {str(name).lower(): str(value) for name, value in (entry.get("headers") or {}).items()}
    return {
        **{name: request.scope[name] for name in ("type", "asgi", "http_version", "scheme", "server", "client")},
        "method": str(entry["method"]).upper(),
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {},
    }


def _response(request_id: str, buffered: BufferedResponse) -> dict[str, Any]:
    response: dict[str, Any] = {"id": request_id, "status": buffered.status, "headers": {}}
    for name in ("Content-Type", "Retry-After", "Location"):
        if name.lower() in buffered.headers:
            response["headers"][name] = buffered.headers[name.lower()]
    response["body"] = json.loads(buffered.body) if buffered.body else None
    return response
