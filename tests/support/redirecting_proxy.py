"""A proxy that responds for one host with redirects to another. It forwards every other call to the sandbox's proxy."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from sandbox.ca import CertificateAuthority

ELSEWHERE = "elsewhere.example"


class RedirectingProxy:
    """`reached` has the requests that arrived at the address in the redirects."""

    def __init__(self, behind: str, authority: CertificateAuthority, host: str, status: int, query: str) -> None:
        self._behind = urlsplit(behind)
        self._authority = authority
        self._host = host
        self._answer = f"HTTP/1.1 {status} Moved\r\nLocation: https://{ELSEWHERE}/x?{query}\r\n".encode()
        self.redirected = 0
        self.reached: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator["RedirectingProxy"]:
        """Serve in daemon threads."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._server.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = _head(client)
            host = head.split()[1].rpartition(b":")[0].decode()
            if not (re.fullmatch(self._host, host) or host == ELSEWHERE):
                self._hand_on(client, head)
                return
            client.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            with self._authority.context(host).wrap_socket(client, server_side=True) as tls:
                request = _whole(tls)
                if host == ELSEWHERE:
                    self.reached.append(request.decode("latin-1"))
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                else:
                    self.redirected += 1
                    tls.sendall(self._answer)
                tls.sendall(b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")

    def _hand_on(self, client: socket.socket, head: bytes) -> None:
        with socket.create_connection((self._behind.hostname or "", self._behind.port or 0)) as behind:
            behind.sendall(head)
            back = threading.Thread(target=_pump, args=(behind, client), daemon=True)
            back.start()
            _pump(client, behind)
            back.join()


def _head(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65_536)
        if not more:
            raise ConnectionResetError
        read += more
    return read


def _whole(connection: socket.socket) -> bytes:
    """Read a request with its body."""
    read = _head(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
