"""Calls to Azurite's tables, over connections that stay open."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
from starlette.responses import Response

from sandbox.azurite import Tables

_TABLE: Final = re.compile(rb"/(?:Tables\(')?([A-Za-z][A-Za-z0-9]{2,62})(?=\(|'\)|\?|\s|$)")
Headers = Sequence[tuple[bytes, bytes]]
_SECONDS: Final = 30
_IDLE_SECONDS: Final = 2  # Azurite closes an idle connection after 5 s. One that may be closing is not used.
_OF_ONE_CONNECTION: Final = frozenset(
    {b"connection", b"content-length", b"expect", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"}
)


@dataclass(frozen=True)
class TablesCall:
    """A call to Azurite: `target` is path and query, as they are signed. `headers` include `host`."""

    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass
class _Reply:
    """A response while it arrives."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class _Connection(asyncio.Protocol):
    """One connection to Azurite, for one call at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._reply = _Reply()
        self._waiting: asyncio.Future[_Reply] | None = None
        self.is_open = False
        self.used_at = 0.0

    async def send(self, request: bytes) -> _Reply:
        """Send a whole request and return the whole response."""
        self._reply = _Reply()
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self.is_open = False
        self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"Azurite's response can't be parsed: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError(f"Azurite closed the connection: {exc}"))

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._reply.body += body

    def on_message_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        self.is_open = self.is_open and self._parser.should_keep_alive()
        self.used_at = time.monotonic()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._reply)

    def _fail(self, error: ConnectionError) -> None:
        self.is_open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


class AzuriteTables:
    """The tables of Azurite. `where` returns their address and key when Azurite runs."""

    def __init__(self, where: Callable[[], Tables]) -> None:
        self._where = where
        self._idle: list[_Connection] = []
        self.writes: dict[str, int] = {}  # how many calls changed each table, by lower-case name

    @property
    def account(self) -> Tables:
        """The address of the tables, and their key."""
        return self._where()

    async def forward(self, call: TablesCall) -> Response:
        """Return Azurite's response. Headers of a single connection are removed in both directions, others stay."""
        self._count(call)
        headers = [b"%s: %s" % header for header in call.headers if header[0].lower() not in _OF_ONE_CONNECTION]
        head = [f"{call.method} {call.target} HTTP/1.1".encode("latin-1"), *headers]
        head.append(b"content-length: %d" % len(call.body))
        connection = await self._connection()
        try:
            async with asyncio.timeout(_SECONDS):
                reply = await connection.send(b"\r\n".join([*head, b"", call.body]))
        except BaseException:  # a cancelled call leaves a response on the connection
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return _response(reply)

    def _count(self, call: TablesCall) -> None:
        if call.method == "GET":
            return
        found = _TABLE.findall(call.target.encode()) + (_TABLE.findall(call.body) if "$batch" in call.target else [])
        for name in {name.decode().lower() for name in found}:
            self.writes[name] = self.writes.get(name, 0) + 1

    async def _connection(self) -> _Connection:
        """Return an idle connection, or open one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and time.monotonic() - connection.used_at < _IDLE_SECONDS:
                return connection
            connection.close()
        address = urlsplit(self.account.address)
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, address.hostname or "", address.port or 80)
        return made


def _response(reply: _Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.raw_headers = [header for header in reply.headers if header[0] not in _OF_ONE_CONNECTION]
    if reply.status != 204:  # 204 has no body and no length
        response.raw_headers.append((b"content-length", b"%d" % len(reply.body)))
    return response
