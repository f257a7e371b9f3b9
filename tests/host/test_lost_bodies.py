"""Every endpoint with a body refuses a request whose body is lost in transit, over a real socket."""

import gzip
import json
from collections.abc import Iterator
from typing import Final

import pytest

import function_app
from settings.http.routes import Route, all_routes
from tests.support import phrases
from tests.support.api import QUICK, principal
from tests.support.host import Answer, Host
from tests.support.project_host import project_host
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.wire import Wire, chunked, request

POSTS: Final = [route for route in all_routes(function_app.PAGES) if route.method == "POST"]
TYPE: Final = b"Content-Type: application/json\r\n"
CHUNKS: Final = b"Transfer-Encoding: chunked\r\n"
BOM: Final = b"\xef\xbb\xbf"
OURS: Final = ("management.azure.com", "graph.microsoft.com", "cippabc12.vault.azure.net")
WRITES: Final = ("PUT", "POST", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def host(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The API as `make run` starts it: every request comes from a superadmin. The timers find no due key."""
    with project_host(sandbox, tmp_path_factory.mktemp("lost-bodies"), **QUICK) as running:
        assert post(running, "ExecKeyRotation", TYPE + b"Content-Length: 2\r\n", b"{}").status == 200
        yield running


def post(host: Host, name: str, headers: bytes, body: bytes, *, version: str = "1.1") -> Answer:
    with Wire(host.port) as wire:
        wire.send(request(f"/api/{name}", headers, body, version=version))
        return wire.read()


def changes(sandbox: Sandbox) -> list[str]:
    """Return the writes to Azure, except those to the tables, which store the audit log."""
    read = ("/config/appsettings/list", "/listUsers", "/listConfiguredRoles")
    return [
        f"{call['method']} {call['url']}"
        for call in sandbox.calls()
        if call["method"] in WRITES and call["host"] in OURS and not call["path"].endswith(read)
    ]


def in_chunks(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return headers and bytes of requests whose body has no length, as clients send them."""
    packed = gzip.compress(body)
    return [
        (TYPE + CHUNKS, chunked(body)),
        (TYPE + CHUNKS, chunked(body, 1)),
        (TYPE + CHUNKS, chunked(b"")),
        (TYPE + b"Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n", chunked(body)[:-2] + b"X-Sum: 1\r\n\r\n"),
        # .NET's PostAsJsonAsync
        (b"Transfer-Encoding: chunked\r\nContent-Type: application/json; charset=utf-8\r\n", chunked(body)),
        (TYPE + CHUNKS + b"Expect: 100-continue\r\n", chunked(body)),
        (TYPE + CHUNKS + b"Content-Encoding: gzip\r\n", chunked(packed)),
        (TYPE + b"Transfer-Encoding: gzip, chunked\r\n", chunked(packed)),
    ]


def empty() -> list[tuple[bytes, bytes]]:
    """Return headers and bytes of requests with an empty body."""
    bodies = [b"", b" ", b"\r\n\t ", BOM, BOM + b"\n", b" " + BOM]
    with_length = [(TYPE + b"Content-Length: %d\r\n" % len(body), body) for body in bodies]
    return [(TYPE, b""), (TYPE + b"Expect: 100-continue\r\nContent-Length: 0\r\n", b""), *with_length]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_chunked_body_is_refused_by_every_endpoint(host: Host, sandbox: Sandbox, route: Route) -> None:
    before = len(changes(sandbox))
    for headers, body in in_chunks(json.dumps(route.shown.example).encode()):
        answer = post(host, route.name, headers, body)
        assert (answer.status, answer.json()["field"]) == (400, "Content-Length"), headers
        assert phrases.BODY_LOST in answer.json()["Results"]
        assert "Send Content-Length" in answer.json()["Results"]
    assert len(changes(sandbox)) == before


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_empty_body_is_refused_by_every_endpoint(host: Host, sandbox: Sandbox, route: Route) -> None:
    before = len(changes(sandbox))
    for headers, body in empty():
        for version in ("1.1", "1.0"):
            answer = post(host, route.name, headers, body, version=version)
            assert (answer.status, answer.json()["field"]) == (400, "body"), headers
            assert "send {}" in answer.json()["Results"]
    assert len(changes(sandbox)) == before


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_body_without_length_is_refused_over_http_1_0(host: Host, sandbox: Sandbox, route: Route) -> None:
    before = len(changes(sandbox))
    body = json.dumps(route.shown.example).encode()
    # Without a length, an HTTP/1.0 request has no body.
    assert post(host, route.name, TYPE, body, version="1.0").status == 400
    assert post(host, route.name, TYPE + CHUNKS, chunked(body), version="1.0").status == 400
    assert len(changes(sandbox)) == before


def test_chunked_dry_run_does_not_stop_the_main_app(host: Host, sandbox: Sandbox) -> None:
    dry_run = b'{"Name": "cippabc12-proc", "DryRun": true}'
    assert post(host, "ExecFunctionAppStop", TYPE + CHUNKS, chunked(dry_run)).status == 400
    assert post(host, "ExecFunctionAppRestart", TYPE + CHUNKS, chunked(dry_run)).status == 400
    sites = sandbox.state()["sites"]
    assert {site: sites[site]["state"] for site in ("cippabc12", "cippabc12-proc")} == {
        "cippabc12": "Running",
        "cippabc12-proc": "Running",
    }


def test_chunked_dry_run_of_one_key_rotates_no_key(host: Host, sandbox: Sandbox) -> None:
    def versions() -> dict[str, int]:
        return {name: len(versions) for name, versions in sandbox.state()["vaults"]["cippabc12"]["secrets"].items()}

    before = versions()
    dry_run = b'{"Names": ["RefreshToken"], "DryRun": true}'
    for name in ("ExecKeyRotation", "ExecKeyProof"):
        assert post(host, name, TYPE + CHUNKS, chunked(dry_run)).status == 400
    assert versions() == before


def test_connection_serves_the_next_request_after_a_lost_body(host: Host) -> None:
    dry_run = b'{"DryRun": true}'
    with Wire(host.port) as wire:
        for _ in range(3):
            wire.send(request("/api/ExecFunctionAppStop", TYPE + CHUNKS, chunked(dry_run)))
            assert wire.read().status == 400
            wire.send(request("/api/ExecFunctionAppStop", TYPE + b"Content-Length: %d\r\n" % len(dry_run), dry_run))
            answer = wire.read()
            assert (answer.status, answer.json()["Results"]["DryRun"]) == (200, True)


def test_get_with_a_chunked_body_is_served(host: Host) -> None:
    for headers, body in ((CHUNKS, chunked(b"{}")), (CHUNKS, chunked(b"")), (b"Content-Length: 0\r\n", b"")):
        with Wire(host.port) as wire:
            wire.send(request("/api/ListFunctionApps", headers, body, method="GET"))
            assert wire.read("GET").status == 200


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_access_is_decided_before_a_lost_body(host: Host, route: Route) -> None:
    for caller, status in (("nonsense", 401), (principal("readonly"), 403)):
        sent = TYPE + f"x-ms-client-principal: {caller}\r\n".encode()
        assert post(host, route.name, sent + CHUNKS, chunked(b"{}")).status == status
        assert post(host, route.name, sent, b"").status == status


def test_lost_body_is_in_the_audit_log(host: Host, sandbox: Sandbox) -> None:
    sent = TYPE + CHUNKS + b"x-correlation-id: lost-body-1\r\n"
    assert post(host, "ExecFunctionAppStop", sent, chunked(b"{}")).status == 400
    entries = [row for row in Others(sandbox).rows("CippLogs", record=True) if "lost-body-1" in str(row["LogData"])]
    assert [row["Message"].partition(":")[0] for row in entries] == ["ExecFunctionAppStop"]
    assert f"Couldn't {phrases.BODY_UNREADABLE}" in entries[0]["Message"]
    assert json.loads(entries[0]["LogData"])["DryRun"] is None
