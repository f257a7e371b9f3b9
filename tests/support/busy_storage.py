"""A table storage that is too busy: it refuses every call with a status and a Retry-After until it is stopped."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b'{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}'


@dataclass
class Busy:
    """The running server. `calls` has methods and paths."""

    connection_string: str = ""
    calls: list[str] = field(default_factory=list)


@contextmanager
def busy_storage(status: int, retry_after: int) -> Iterator[Busy]:
    """Refuse every call."""
    busy = Busy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            busy.calls.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Retry-After", str(retry_after))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = refuse  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/devstoreaccount1"
    busy.connection_string = (
        f"AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint={address};DefaultEndpointsProtocol=http"
    )
    try:
        yield busy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
