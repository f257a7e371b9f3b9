"""Requests of public addresses: limited in time, size and redirects, and without credentials."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.azure.public_web import NoResponseError, PublicWeb
from backend.concurrency.deadline import Deadline
from backend.configuration.timeouts import Limits
from tests.support import phrases
from tests.support.sandbox_client import Sandbox

HEALTH = "https://cippabc12.azurewebsites.net/api/setup/health"
VERSION = "https://cippabc12.azurewebsites.net/version.json"


@pytest.fixture
def web(azure: Sandbox) -> PublicWeb:
    azure.reset(shape="container")
    return PublicWeb(Limits())


def redirect(azure: Sandbox, location: str, *, times: int = 1) -> None:
    answer = {"status": 307, "headers": {"Location": location, "Set-Cookie": "a=b; Domain=azurewebsites.net"}}
    azure.faults([{"host": "*.azurewebsites.net", "path": "health", "times": times, "answer": answer}])


def test_redirect_is_followed_without_the_authorization(azure: Sandbox, web: PublicWeb) -> None:
    redirect(azure, VERSION)
    headers = {"authorization": "Bearer x", "Accept": "application/json"}
    response = web.get(HEALTH, deadline=Deadline.after(10), headers=headers, redirects=1)
    assert response.json()["version"] == "10.8.5"
    first, second = azure.calls("cippabc12.azurewebsites.net")
    assert (first["path"], second["path"]) == ("/api/setup/health", "/version.json")
    header_names = [{name.lower() for name in call.get("headers", {})} for call in (first, second)]
    assert "authorization" not in header_names[1]
    assert "cookie" not in header_names[1]


def test_redirect_is_returned_if_none_may_be_followed(azure: Sandbox, web: PublicWeb) -> None:
    redirect(azure, VERSION)
    assert web.get(HEALTH, deadline=Deadline.after(10)).status == 307


def test_loop_of_redirects_ends(azure: Sandbox, web: PublicWeb) -> None:
    redirect(azure, HEALTH, times=0)
    assert web.get(HEALTH, deadline=Deadline.after(10), redirects=3).status == 307
    assert len(azure.calls("cippabc12.azurewebsites.net")) == 4


@pytest.mark.parametrize(
    "location",
    ["http://cippabc12.azurewebsites.net/version.json", "https://u:p@ghcr.io/", "", "ftp://x", "//[", "x" * 9_000],
)
def test_redirect_to_another_kind_of_address_is_not_followed(azure: Sandbox, web: PublicWeb, location: str) -> None:
    redirect(azure, location)
    with pytest.raises(NoResponseError, match="redirect"):
        web.get(HEALTH, deadline=Deadline.after(10), redirects=3)
    assert len(azure.calls("cippabc12.azurewebsites.net")) == 1


def test_large_response_is_refused(azure: Sandbox, web: PublicWeb) -> None:
    azure.faults([{"host": "*.azurewebsites.net", "answer": {"body": "x" * 2_000}}])
    with pytest.raises(NoResponseError, match=phrases.TOO_LARGE):
        web.get(HEALTH, deadline=Deadline.after(10), most_bytes=1_000)


@pytest.mark.parametrize("mode", ["drop-before", "drop-after", "hang"])
def test_missing_response_names_the_host(azure: Sandbox, web: PublicWeb, mode: str) -> None:
    azure.faults([{"host": "*.azurewebsites.net", "mode": mode, "times": 0}])
    with pytest.raises(NoResponseError, match=r"cippabc12\.azurewebsites\.net"):
        web.get(HEALTH, deadline=Deadline.after(0.5))


def test_passed_deadline_makes_no_call(azure: Sandbox, web: PublicWeb) -> None:
    with pytest.raises(NoResponseError):
        web.get(HEALTH, deadline=Deadline.after(0))
    time.sleep(0.1)
    assert azure.calls("cippabc12.azurewebsites.net") == []


class _Drip(BaseHTTPRequestHandler):
    """A server that sends a byte now and then, without an end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def drip() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Drip)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.mark.compares_times
@pytest.mark.usefixtures("nowhere")
def test_slow_body_ends_at_the_deadline(drip: str) -> None:
    began = time.monotonic()
    with pytest.raises(NoResponseError, match=phrases.IN_TIME):
        PublicWeb(Limits()).get(f"{drip}/", deadline=Deadline.after(0.5))
    assert time.monotonic() - began < 2
