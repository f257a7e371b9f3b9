"""A stub of CIPP's own API. It serves what the frontend's shell requests on every page, and forwards other routes.

So it is also the gateway in front of this API when a static web app is linked to CIPP.
"""

import http.client
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Final, Self

# What the shell needs in each response: without it, the shell shows no page.
ANSWERS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "/api/ListFeatureFlags": [],
        "/api/ListUserSettings": {"direction": "ltr", "paletteMode": "light", "pinNav": True, "showDevtools": False},
        "/api/GetCippAlerts": [],
        "/api/listTenants": [{"customerId": "AllTenants", "defaultDomainName": "AllTenants", "displayName": "*All"}],
        "/api/ListGitHubReleaseNotes": [],
        "/api/ListUserPhoto": None,
    }
)
HOP_BY_HOP: Final = ("connection", "keep-alive", "transfer-encoding", "content-length")


class Shell:
    """The stub on a port. `seen` has the path and the headers of each forwarded request."""

    def __init__(self, host_port: int) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(host_port, self.seen))
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(host_port: int, seen: list[tuple[str, dict[str, str]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path not in ANSWERS:
                self._send_on()
            elif ANSWERS[path] is None:
                self._answer(404, {}, b"")
            else:
                self._answer(200, {"Content-Type": "application/json"}, json.dumps(ANSWERS[path]).encode())

        def do_POST(self) -> None:
            self._send_on()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

        def _send_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            seen.append((self.path, {name.lower(): value for name, value in headers.items()}))
            upstream = http.client.HTTPConnection("127.0.0.1", host_port, timeout=30)
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
            upstream.close()

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
