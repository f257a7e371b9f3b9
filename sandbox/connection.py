"""uvicorn's HTTP protocol on any transport, with a way to cut the connection."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)  # only on Linux


@dataclass
class Connection:
    """The connection of a request. Every request's scope has it."""

    transport: asyncio.Transport | None = None

    def cut(self) -> None:
        """Drop the connection immediately. Data that is not sent yet is lost."""
        if self.transport is not None:
            self.transport.abort()


class HttpProtocol(HttpToolsProtocol):
    """Serves the app and keeps its own transport."""

    def __init__(self, config: Config, state: ServerState) -> None:
        self.connection = Connection()
        super().__init__(config, state, {"connection": self.connection})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start serving. uvicorn narrows the type of the transport, too."""
        self.connection.transport = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Acknowledge immediately, then read.

        urllib3 keeps Nagle's algorithm on for connections to a proxy, so a body waits until its head is acknowledged.
        Linux delays that by 40 ms.
        """
        if QUICK_ACK is not None and self.connection.transport is not None:
            opened: socket.socket = self.connection.transport.get_extra_info("socket")
            with contextlib.suppress(OSError):  # closed in the meantime
                opened.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        super().data_received(data)


class HttpServer:
    """Creates the protocols that serve one app, and closes them all."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_keep_alive=120,  # seconds. Azure keeps idle connections for about as long.
        )
        self._config.load()
        self._state = ServerState()

    def protocol(self) -> HttpProtocol:
        """Return the protocol of a new connection."""
        return HttpProtocol(self._config, self._state)

    def cut_all(self) -> None:
        """Drop every connection, including those that wait for a response that never comes."""
        for protocol in list(self._state.connections):
            if isinstance(protocol, HttpProtocol):
                protocol.connection.cut()


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a request."""
    connection: Connection = scope["state"]["connection"]
    return connection
