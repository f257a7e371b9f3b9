"""Convert the worker's result to the host's response."""

import json
import logging
from http import HTTPStatus

from azure.functions.meta import Datum
from starlette.responses import Response

logger = logging.getLogger("host")
# The host sets these itself.
OWN_HEADERS = frozenset({"content-length", "transfer-encoding"})
TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"


def response(result: Datum) -> Response:
    """Return the response for a datum of type `http` or `string`."""
    if result.type == "http":
        return _from_http(result)
    return _from_string(str(result.value))


def _from_http(result: Datum) -> Response:
    value = result.value
    built = Response(value["body"].value, status_code=int(value["status_code"].value))
    for name, header in value["headers"].items():
        if name.lower() not in OWN_HEADERS:
            built.headers[name] = header.value
    for cookie in value["cookies"] or ():
        for morsel in cookie.values():
            built.headers.append("set-cookie", morsel.OutputString())
    return built


def _from_string(text: str) -> Response:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return Response(text, media_type=TEXT)
    if "body" not in content:
        return Response(text, media_type=JSON)
    logger.warning('A handler returned JSON text with "body": the host uses it as a response object.')
    body = content["body"]
    status = int(content.get("statusCode") or content.get("status") or HTTPStatus.OK)
    if isinstance(body, str):
        return Response(body, status, content.get("headers"), TEXT)
    return Response(json.dumps(body), status, content.get("headers"), JSON)
