"""HTTP functions receive requests and return responses as in Azure."""

import base64
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support.host import Answer, Host

ANSWERS = [
    ("str", 200, "text/plain; charset=utf-8", b"text"),
    ("json", 200, "application/json; charset=utf-8", b'{"a": 1}'),
    ("object", 202, "text/plain; charset=utf-8", b"inner"),
    ("bytes", 500, None, b""),
    ("dict", 500, None, b""),
    ("none", 500, None, b""),
    ("unknown", 500, None, b""),
    ("response", 418, "text/plain; charset=utf-8", b"made"),
    ("empty", 204, "text/plain; charset=utf-8", b""),
]


@pytest.mark.parametrize(("kind", "status", "content_type", "body"), ANSWERS)
def test_handlers_result_becomes_the_response(
    host: Host, kind: str, status: int, content_type: str | None, body: bytes
) -> None:
    answer = host.request("GET", f"/api/returns/{kind}")
    assert (answer.status, answer.headers.get("content-type"), answer.body) == (status, content_type, body)


def test_failure_is_logged_with_its_stack(host: Host) -> None:
    host.request("GET", "/api/returns/bytes")
    assert 'unable to encode outgoing TypedData: unsupported type "http" for Python type "bytes"' in host.log
    assert "ERROR" in host.log
    assert "Traceback" in host.log


def test_cookie_is_sent(host: Host) -> None:
    assert host.request("GET", "/api/returns/cookie").headers["set-cookie"] == "a=1; HttpOnly; Path=/"


def test_handler_receives_the_request_as_from_the_worker(host: Host) -> None:
    path = "/API/Echo/5/a%20b/c?x=1&X=2&q=&a=1&flag"
    headers = (("X-A", "1"), ("x-a", "2"), ("traceparent", "00-1-2-01"))
    seen = host.request("POST", path, b"hello", headers).json()
    shown = seen.pop("headers")
    assert shown["x-a"] == "1,2"
    assert seen == {
        "method": "POST",
        "url": f"http://localhost:{host.port}{path}",
        "params": {"x": "1,2", "a": "1"},
        "route_params": {"id": "5", "rest": "a b/c"},
        "body": "hello",
        "function_name": "echo",
        "trace_parent": "00-1-2-01",
        "retry_count": 0,
        "id_in_thread": True,
        "main_thread": False,
    }


def test_chunked_body_arrives_empty(host: Host) -> None:
    with socket.create_connection(("127.0.0.1", host.port)) as wire:
        wire.sendall(
            b"POST /api/echo/1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == ""


def test_body_over_the_limit_returns_413(host: Host) -> None:
    with socket.create_connection(("127.0.0.1", host.port)) as wire:
        wire.sendall(b"POST /api/echo/1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857601\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/api/returns/str"), ("GET", "/api/nowhere"), ("GET", "/returns/str"), ("GET", "/api/admin/x")],
)
def test_unmatched_path_or_method_returns_an_empty_404(host: Host, method: str, path: str) -> None:
    answer = host.request(method, path)
    assert (answer.status, answer.body) == (404, b"")


def test_first_function_by_name_is_called(host: Host) -> None:
    def body(path: str) -> bytes:
        return host.request("GET", path).body

    guid = "0b9a4a5e-7d3c-4c36-9f8e-0d6f6d1f7a11"
    assert body(f"/api/item/{guid}") == f"guid {guid}".encode()
    assert body("/api/item/special") == b"name special"
    assert body("/api/item") == b"name None"


def test_async_handlers_run_on_the_event_loop(host: Host) -> None:
    assert host.request("GET", "/api/asynchronous").body == b"True"


def test_text_parameter_for_a_request_fails_when_called(host: Host) -> None:
    assert host.request("GET", "/api/takes_text").status == 500


def principal_of(answer: Answer) -> Any:  # noqa: ANN401 - what JSON may hold
    header = answer.json()["headers"].get("x-ms-client-principal")
    return header and json.loads(base64.b64decode(header))


def test_caller_is_superadmin_when_request_has_no_principal(host: Host) -> None:
    principal = principal_of(host.request("GET", "/api/echo/1"))
    assert principal["userDetails"] == "superadmin@localhost"
    assert principal["userRoles"] == ["superadmin", "authenticated", "anonymous"]
    assert "superadmin@localhost" in host.log


def test_principal_in_the_request_is_kept(host: Host) -> None:
    mine = base64.b64encode(b'{"userRoles": []}').decode()
    assert principal_of(host.request("GET", "/api/echo/1", headers=(("X-MS-CLIENT-PRINCIPAL", mine),))) == {
        "userRoles": []
    }


def test_principal_is_absent_when_host_adds_no_caller(tmp_path: Path) -> None:
    host = Host(tmp_path, "good", "--as", "nobody", WEEKLY="0 0 0 * * 0")
    assert principal_of(host.request("GET", "/api/echo/1")) is None
    assert host.end() == 0
