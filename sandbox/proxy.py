"""A CONNECT proxy that terminates TLS itself and passes every tunnel to the sandbox's own server."""

import asyncio
import logging
from typing import Final, cast

from sandbox.ca import CertificateAuthority
from sandbox.connection import HttpProtocol, HttpServer

_MAX_HEAD: Final = 65_536  # bytes
_log = logging.getLogger("sandbox")


class _Tunnel(asyncio.Protocol):
    """Keeps the data that arrives after the TLS handshake, until the server takes over."""

    def __init__(self, server: HttpProtocol) -> None:
        self._server = server
        self._early: list[bytes] = []
        self._open = False
        self._lost = False

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lost = True

    def hand_over(self, transport: asyncio.Transport) -> None:
        """Pass the connection to the server, with the data that arrived early."""
        if self._lost:
            return
        transport.set_protocol(self._server)
        self._server.connection_made(transport)
        for data in self._early:
            self._server.data_received(data)


class ProxyProtocol(asyncio.Protocol):
    """One client's connection to the proxy, until it becomes a tunnel or a plain request."""

    def __init__(self, authority: CertificateAuthority, server: HttpServer) -> None:
        self._authority = authority
        self._server = server
        self._head = b""
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the responses."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect the head of the first request, then determine the kind of connection."""
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > _MAX_HEAD:
                self._transport.abort()
            return
        words = self._head.split(b"\r\n", 1)[0].split()
        if len(words) == 3 and words[0].upper() == b"CONNECT":
            host = words[1].rpartition(b":")[0] or words[1]
            self._upgrade = asyncio.get_running_loop().create_task(self._open_tunnel(host.decode("latin-1")))
            return
        server = self._server.protocol()
        self._transport.set_protocol(server)
        server.connection_made(self._transport)
        server.data_received(self._head)

    async def _open_tunnel(self, host: str) -> None:
        host = host.strip("[]").lower()
        tunnel = _Tunnel(self._server.protocol())
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, tunnel, self._authority.context(host), server_side=True
            )
        except (OSError, ValueError) as error:  # OSError includes ssl.SSLError and disconnects
            _log.warning("TLS handshake with a client failed for %s: %s", host, error)
            self._transport.abort()
            return
        if transport is not None:
            tunnel.hand_over(transport)
