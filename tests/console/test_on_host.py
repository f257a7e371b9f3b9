"""The console's files over a socket, with raw paths, as a browser or an attacker sends them."""

from collections.abc import Iterator

import pytest

from tests.support.host import Host
from tests.support.project_host import project_host
from tests.support.sandbox_client import Sandbox
from tests.support.wire import Wire


@pytest.fixture(scope="module")
def project(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The project on its own host."""
    with project_host(sandbox, tmp_path_factory.mktemp("host")) as running:
        yield running


def status_of(host: Host, path: str) -> int:
    with Wire(host.port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return wire.read("GET").status


@pytest.mark.every_case("a path that opens a file would be a hole")
@pytest.mark.parametrize(
    "path",
    [
        "files.py",
        "../console/files.py",
        "js/../files.py",
        "js%2f..%2ffiles.py",
        "%2e%2e%2fhost.json",
        "..%5c..%5chost.json",
        "js%252f..%252ffiles.py",
        "vendor/..%00/files.py",
        "js%2fmain.js",
        "%2e%2e/ListBackend",
    ],
)
def test_path_that_leaves_the_listed_files_is_not_found(project: Host, path: str) -> None:
    assert status_of(project, f"/api/console/{path}") in (400, 404)


@pytest.mark.every_case("each is one request")
@pytest.mark.parametrize("path", ["", "/", "//", "/index.html", "/js/main.js", "/%6as/main.js"])
def test_listed_file_is_served_and_head_has_no_content(project: Host, path: str) -> None:
    whole = project.request("GET", f"/api/console{path}")
    head = project.request("HEAD", f"/api/console{path}")
    assert (whole.status, head.status, head.body) == (200, 200, b"")
    assert len(whole.body) > 300
    for name in ("content-type", "etag", "cache-control", "content-security-policy", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_start_address_of_the_host_is_not_of_this_app(project: Host) -> None:
    assert project.request("GET", "/").status == 404
