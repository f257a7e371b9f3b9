"""The host of an app that was published to the sandbox: Microsoft's worker library with that package and its settings.

It waits for a package, as Azure does, and starts it with only the settings that the template wrote and the variables
that the platform sets.
"""

import contextlib
import json
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit

from deploy.package.archive import sha256_of
from sandbox import names
from tests.runtime.runtime import Runtime
from tests.support.sandbox_client import Sandbox

_POLL_SECONDS: Final = 1
_FROM_THE_SANDBOX: Final = (
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "IDENTITY_ENDPOINT",
)  # fmt: skip
Json = Any  # any JSON value


class PublishedHost:
    """Runs what is published to one app, until it is closed."""

    def __init__(self, sandbox: Sandbox, app: str, group: str, packages: Path, folder: Path) -> None:
        """Begin to wait. `packages` is searched for the zip file with the published SHA-256."""
        self._sandbox, self._app, self.group = sandbox, app, group
        self._packages, self._folder = packages, folder
        self._runtime: Runtime | None = None
        self._server: ThreadingHTTPServer | None = None
        self._calls = threading.Lock()  # the worker's pipe takes one call at a time
        self._end = threading.Event()
        self.starts: list[str] = []  # the SHA-256 of each package that was started
        self.broken: set[str] = set()  # the SHA-256 of packages that shall not start
        self.failure: Exception | None = None  # what ended it
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._stop()

    def forget(self) -> None:
        """Stop the host, as a reset of the sandbox forgets it."""
        with self._calls:
            self._stop()
            self.starts.clear()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._runtime is not None:
            self._runtime.stop()
        self._server = self._runtime = None

    def _watch(self) -> None:
        running = ""
        try:
            while not self._end.wait(_POLL_SECONDS):
                running = self._follow(running)
        except Exception as error:  # noqa: BLE001 - whatever it is, each later run reports it
            self.failure = error

    def _follow(self, running: str) -> str:
        """Start what is published unless it runs, and return its SHA-256."""
        site = self._site()
        published: str = (site.get("package") or {}).get("sha256", "")
        if not published or (published == running and self._server is not None):
            return running
        with self._calls:
            self._stop()
        if published in self.broken:
            return published
        try:
            self._start(published, site["appSettings"])
        except HTTPError:
            if self._site():
                raise
            return ""  # the app was removed while its host started
        return published

    def _site(self) -> Json:
        return self._sandbox.state()["sites"].get(self._app) or {}

    def _start(self, published: str, settings: Mapping[str, str]) -> None:
        content = self._folder / published
        if not content.exists():
            found = next(path for path in self._packages.rglob("*.zip") if sha256_of(path) == published)
            with zipfile.ZipFile(found) as package:
                package.extractall(content)
        self.starts.append(published)
        azure = {name: value for name, value in self._sandbox.env.items() if name in _FROM_THE_SANDBOX}
        platform = {
            "WEBSITE_SITE_NAME": self._app,
            "WEBSITE_RESOURCE_GROUP": self.group,
            "WEBSITE_OWNER_NAME": f"{names.SUBSCRIPTION_ID}+{self.group}-westeurope",
            "IDENTITY_HEADER": f"{self._sandbox.env['IDENTITY_HEADER']}.{self._app}",
        }
        with (self._folder / "host.log").open("a", encoding="utf-8") as log:
            self._runtime = Runtime(content, {**settings, **azure, **platform}, log)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        body = {"site": self._app, "url": url, "functions": self._runtime.index["functions"]}
        self._sandbox.control("POST", "hosts", body)

    def _respond(self, method: str, target: str, headers: Mapping[str, str], body: str) -> tuple[int, Json, bytes]:
        path = urlsplit(target).path.removeprefix("/api/")
        with self._calls:
            if self._runtime is None:
                return 503, {}, b""
            for name, bindings in self._runtime.index["functions"].items():
                trigger = bindings[0]
                methods = [one.upper() for one in trigger.get("methods") or ("GET", "POST")]
                if trigger.get("route", name).lower() == path.lower() and method in methods:
                    http = {
                        "method": method,
                        "url": f"https://{headers.get('host', '')}{target}",
                        "headers": dict(headers),
                        "params": {},
                        "query": dict(parse_qsl(urlsplit(target).query)),
                        "body": body,
                    }
                    answer = self._runtime.answer({"function": name, "http": http})
                    return answer.status, answer.headers, answer.text.encode()
        return 404, {}, b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        respond = self._respond

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, returned, content = respond(self.command, self.path, headers, body)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in returned.items():
                        if name.lower() != "content-length":
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_POST = _serve  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Log nothing: the sandbox records each call."""

        return Handler


def settings_of(state: Json, app: str) -> dict[str, str]:
    """Return an app's settings in the sandbox's state."""
    found: dict[str, str] = json.loads(json.dumps(state["sites"][app]["appSettings"]))
    return found
