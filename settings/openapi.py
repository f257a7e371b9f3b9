"""The API's description, for tools."""

import hashlib
from collections.abc import Sequence
from functools import cache

import msgspec

from settings.access import Permission
from settings.openapi_document import document
from settings.raw_answer import RawAnswer
from settings.routes import Call, Route, Routes, Shown

routes = Routes()
JSON = "application/json"


@routes.get("OpenApi", needs=Permission.APP_SETTINGS_READ, shown=Shown(path="openapi.json", types=(JSON,)))
def describe(call: Call) -> RawAnswer:
    """Describe every endpoint as OpenAPI 3.1."""
    return _described(tuple(call.routes))


@cache
def _described(table: Sequence[Route]) -> RawAnswer:
    """Make the description once for a table: it is asked for again and again, and never changes in a process."""
    content = msgspec.json.encode(document(table))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return RawAnswer(content, JSON, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
