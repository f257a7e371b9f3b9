"""One call of Azurite's, signed with the account's key (Shared Key Lite for the table service)."""

import base64
import hashlib
import hmac
import http
import http.client
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from sandbox.azurite import Tables

_SECONDS: Final = 30
_NOT_HANDED_ON: Final = frozenset(
    {"authorization", "connection", "content-length", "date", "host", "keep-alive", "transfer-encoding", "x-ms-date"}
)


def ask(tables: "Tables", request: Request, body: bytes) -> Response:
    """Hand a call on, and its answer back. Blocks."""
    address = urlsplit(tables.address)
    path = f"{address.path}{request.scope['raw_path'].decode('latin-1')}"
    query = request.url.query
    date = formatdate(usegmt=True)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_HANDED_ON}
    headers |= {"x-ms-date": date, "Authorization": _authorization(tables, date, path, query)}
    # A transaction names the address of each of its rows.
    body = body.replace(f"https://{request.url.hostname}/".encode(), f"{tables.address}/".encode())
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_SECONDS)
    try:
        connection.request(request.method, f"{path}?{query}" if query else path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    told = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_HANDED_ON}
    return Response(content if answer.status != http.HTTPStatus.NO_CONTENT else None, answer.status, told)


def _authorization(tables: "Tables", date: str, path: str, query: str) -> str:
    component = parse_qs(query).get("comp")
    resource = f"/{tables.account}{path}" + (f"?comp={component[0]}" if component else "")
    signed = hmac.new(base64.b64decode(tables.key), f"{date}\n{resource}".encode(), hashlib.sha256)
    return f"SharedKeyLite {tables.account}:{base64.b64encode(signed.digest()).decode()}"
