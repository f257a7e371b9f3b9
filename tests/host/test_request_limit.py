"""A request times out after 230 s, as on Azure, but its function continues. Timers and admin runs have no limit."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.host.front_end import REQUEST_SECONDS
from tests.support.host import Host, wait_for
from tests.support.wire import Wire, request

LIMIT = 0.5


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with a limit of half a second."""
    folder = tmp_path_factory.mktemp("hurried")
    running = Host(folder, "good", "--request-seconds", str(LIMIT), WEEKLY="0 0 0 * * 0")
    yield running
    running.end()


def test_default_limit_is_that_of_azure() -> None:
    assert REQUEST_SECONDS == 230


@pytest.mark.compares_times
@pytest.mark.parametrize("name", ["takes", "takes_async"])
def test_slow_function_continues_after_its_504(hurried: Host, name: str) -> None:
    started = time.monotonic()
    answer = hurried.request("GET", f"/api/{name}/1500")
    assert (answer.status, answer.body) == (504, b"504.0 GatewayTimeout")
    assert LIMIT <= time.monotonic() - started < 1.4
    success = f"(GET /api/{name}/1500) -> 200"
    assert success not in hurried.log
    wait_for(lambda: success in hurried.log)


def test_function_within_the_limit_is_unaffected(hurried: Host) -> None:
    assert hurried.request("GET", "/api/takes/100").body == b"late"


def test_connection_serves_the_next_request_after_a_504(hurried: Host) -> None:
    with Wire(hurried.port) as wire:
        for _ in range(2):
            wire.send(request("/api/takes/900", b"Content-Length: 4\r\n", b"body"))
            assert wire.read().status == 504
            wire.send(request("/api/takes/1", b"Content-Length: 4\r\n", b"body"))
            assert (wire.read().status, "Traceback" in hurried.log) == (200, False)


def test_request_times_out_when_its_body_never_arrives(hurried: Host) -> None:
    with Wire(hurried.port) as wire:
        wire.send(request("/api/takes/1", b"Content-Length: 400\r\n", b"the start"))
        assert wire.read().status == 504
    assert hurried.request("GET", "/api/takes/1").status == 200


def test_timer_has_no_limit_by_schedule_or_by_admin_run(hurried: Host) -> None:
    # A run takes 1.5 s.
    wait_for(lambda: "every_second succeeded" in hurried.log and "(schedule)" in hurried.log)
    assert hurried.request("POST", "/admin/functions/every_second", {"input": ""}).status == 202
    wait_for(lambda: "(admin call)" in hurried.log)
    assert "every_second failed" not in hurried.log


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "soon"])
def test_invalid_limit_is_refused(tmp_path: Path, wrong: str) -> None:
    host = Host(tmp_path, "good", f"--request-seconds={wrong}", WEEKLY="0 0 0 * * 0")
    assert host.process.wait(15) == 2
    assert "--request-seconds: invalid" in host.log
