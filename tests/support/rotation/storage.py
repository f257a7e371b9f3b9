"""CIPP's table storage by a way that a test can disturb: Azurite behind a relay of plain http."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP: frozenset[str] = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date"})


class Storage:
    """The relay. What a test sets holds from the next call on."""

    def __init__(self, connection_string: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.split(";"))
        self._behind = urlsplit(parts["TableEndpoint"])
        self.ahead = timedelta()  # how far its clock goes ahead, as the Date of each response shows
        self.silent = threading.Event()  # it accepts calls and never responds
        self.loses: Callable[[str, str], bool] = lambda _method, _path: False  # whether the response to a call is lost
        self.calls: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        here = f"http://127.0.0.1:{self._server.server_address[1]}{self._behind.path}"
        self.connection_string = ";".join(f"{n}={v}" for n, v in {**parts, "TableEndpoint": here}.items())

    @contextmanager
    def running(self) -> Iterator["Storage"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                storage.calls.append(f"{self.command} {self.path}")
                if storage.silent.is_set():
                    self.connection.recv(1)  # until the client gives up
                    self.close_connection = True
                    return
                answer, content = storage.ask(self.command, self.path, body, dict(self.headers))
                if storage.loses(self.command, self.path):
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                date = parsedate_to_datetime(answer.headers["Date"]) + storage.ahead
                self.send_header("Date", format_datetime(date, usegmt=True))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_MERGE = do_DELETE = relay  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request to Azurite itself."""
        connection = http.client.HTTPConnection(self._behind.hostname or "", self._behind.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()
