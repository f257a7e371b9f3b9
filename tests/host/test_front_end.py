"""The host only serves its own machine's names, and keeps a connection usable after a body that it drops."""

import pytest

from tests.support.host import Host
from tests.support.wire import Wire, chunked, request

PATHS = ("/api/echo/1/x", "/admin/functions/weekly", "/admin/host/ping", "/nowhere")


def with_host(host: Host, path: str, lines: bytes, version: bytes = b"1.1") -> int:
    with Wire(host.port) as wire:
        wire.send(b"POST %s HTTP/%s\r\n%sContent-Length: 2\r\n\r\n{}" % (path.encode(), version, lines))
        return wire.read().status


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: evil.example\r\n",
        b"Host: evil.example:7071\r\n",
        b"Host: localhost.evil.example\r\n",
        b"Host: evil-localhost\r\n",
        b"Host: localhost@evil.example\r\n",
        b"Host: 127.0.0.1.evil.example\r\n",
        b"Host: 192.168.1.5\r\n",
        b"Host: 0.0.0.0\r\n",
        b"Host: [::]\r\n",
        b"Host: [::1].evil.example\r\n",
        b"Host: localhost:7071x\r\n",
        b"Host: localhost, evil.example\r\n",
        b"Host: \r\n",
        b"Host: localhost\r\nHost: evil.example\r\n",
        b"",
    ],
)
def test_request_for_another_machine_is_refused(host: Host, lines: bytes) -> None:
    before = host.log.count("(admin call)")
    assert {with_host(host, path, lines) for path in PATHS} <= {400, 421}
    assert host.log.count("(admin call)") == before


def test_refusal_lists_the_names_to_use(host: Host) -> None:
    with Wire(host.port) as wire:
        wire.send(b"GET /api/item/special HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n")
        answer = wire.read("GET")
    assert (answer.status, answer.headers["content-type"]) == (421, "text/plain; charset=utf-8")
    assert answer.body.endswith(b"Use localhost, 127.0.0.1 or [::1].")
    assert b"evil" not in answer.body


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "127.0.0.1", "[::1]"])
def test_names_of_this_machine_are_served_with_any_port(host: Host, name: str) -> None:
    for port in ("", f":{host.port}", ":4280"):
        assert with_host(host, "/api/echo/1/x", f"Host: {name}{port}\r\n".encode()) == 200


def test_http_1_0_request_is_served_without_host(host: Host) -> None:
    assert with_host(host, "/api/echo/1/x", b"", b"1.0") == 200
    assert with_host(host, "/api/echo/1/x", b"Host: evil.example\r\n", b"1.0") == 421


@pytest.mark.parametrize("size", [5, 1_000, 3_000_000])
@pytest.mark.parametrize("headers", [b"", b"Expect: 100-continue\r\n"])
def test_connection_serves_the_next_request_after_a_chunked_body(host: Host, size: int, headers: bytes) -> None:
    sent = headers + b"Transfer-Encoding: chunked\r\n"
    with Wire(host.port) as wire:
        for _ in range(3):
            wire.send(request("/api/echo/1/x", sent, chunked(b"x" * size, 60_000)))
            assert wire.read().json()["body"] == ""
            wire.send(request("/api/echo/1/x", b"Content-Length: 5\r\n", b"hello"))
            assert wire.read().json()["body"] == "hello"


def test_requests_after_a_chunked_body_are_not_read_as_part_of_it(host: Host) -> None:
    lost = request(
        "/api/echo/1/lost", b"Transfer-Encoding: chunked\r\n", chunked(b"POST /api/echo/9/no HTTP/1.1\r\n\r\n")
    )
    kept = request("/api/echo/1/kept", b"Content-Length: 5\r\n", b"hello")
    closing = request("/api/echo/1/last", b"Connection: close\r\n", b"", method="GET")
    with Wire(host.port) as wire:
        wire.send(lost + kept + closing)
        text = wire.read_all()
    assert [f'"{rest}"' in text for rest in ("lost", "kept", "last")] == [True] * 3
    assert text.count("HTTP/1.1 200") == 3
    assert text.count('"body": "hello"') == 1


def test_rest_of_a_chunked_body_can_arrive_after_the_response(host: Host) -> None:
    with Wire(host.port) as wire:
        wire.send(request("/api/echo/1/x", b"Transfer-Encoding: chunked\r\n", b"5\r\nhel"))
        assert wire.read().json()["body"] == ""
        wire.send(b"lo\r\n0\r\n\r\n")
        wire.send(request("/api/echo/1/x", b"Content-Length: 5\r\n", b"hello"))
        assert wire.read().json()["body"] == "hello"
