"""One TCP connection to a host, for raw bytes that no HTTP client sends."""

import http.client
import socket
from typing import Self

from tests.support.host import PATIENCE_SECONDS, Answer


class Wire:
    """A connection that sends raw bytes and reads one response at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def read(self, method: str = "POST") -> Answer:
        """Return one response, after the interim ones (100 Continue)."""
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def read_all(self) -> str:
        """Read until the host closes the connection. Return every response unchanged."""
        return b"".join(iter(lambda: self._socket.recv(65_536), b"")).decode("latin-1")


def chunked(body: bytes, size: int = 1_000) -> bytes:
    """Return a body in chunks of at most a size, in bytes."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def request(path: str, headers: bytes, body: bytes, *, method: str = "POST", version: str = "1.1") -> bytes:
    """Return a whole request. `headers` are lines that each end with CRLF."""
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n".encode() + headers + b"\r\n" + body
