"""The API's documentation as an OpenAPI document, for tools."""

import hashlib
from collections.abc import Sequence
from functools import cache

import msgspec

from settings.access.caller import Permission
from settings.http.raw_response import RawResponse
from settings.http.routes import Call, Route, Routes, Shown

routes = Routes()
JSON = "application/json"


@routes.get("OpenApi", needs=Permission.APP_SETTINGS_READ, shown=Shown(path="openapi.json", types=(JSON,)))
def describe(call: Call) -> RawResponse:
    """Show the OpenAPI 3.1 document of this API."""
    return _described(tuple(call.routes))


@cache
def _described(table: Sequence[Route]) -> RawResponse:
    """Return the document of a route table. It is made once, because it never changes within a process."""
    from settings.openapi.document import document  # noqa: PLC0415 - used only by this page

    content = msgspec.json.encode(document(table))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return RawResponse(content, JSON, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
