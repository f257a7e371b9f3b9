"""How the host's process starts and ends."""

import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from sandbox.host import port
from tests.host.conftest import PATIENCE_SECONDS, Host, wait_for

WEEKLY = "0 0 0 * * 0"


@pytest.mark.parametrize(("path", "code"), [("/api/exit/now", 7), ("/api/exit_async", 8)])
def test_system_exit_in_a_handler_ends_the_host(tmp_path: Path, path: str, code: int) -> None:
    host = Host(tmp_path, WEEKLY=WEEKLY)
    with suppress(OSError, HTTPException):
        host.request("GET", path)
    assert host.process.wait(PATIENCE_SECONDS) == code
    assert "SystemExit" in host.log


def test_an_app_that_the_worker_refuses_ends_the_host_with_the_reason(tmp_path: Path) -> None:
    host = Host(tmp_path, "bad")
    assert host.process.wait(PATIENCE_SECONDS) == 1
    assert 'Cannot load the function bad: no binding names its parameter "more"' in host.log


def test_a_function_that_the_host_refuses_is_named_on_start(host: Host) -> None:
    assert "The host refuses the function refused: the route" in host.log


def test_a_signal_ends_it_at_once_whatever_runs(tmp_path: Path) -> None:
    host = Host(tmp_path, WEEKLY=WEEKLY)

    def call() -> None:
        with suppress(OSError, HTTPException):
            host.request("GET", "/api/slow")

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert host.end() == 0
    assert time.monotonic() - started < 2
    caller.join()


def test_a_port_in_use_says_what_to_do(host: Host) -> None:
    with pytest.raises(port.PortInUseError, match=f"port {host.port} is in use; HOST_PORT={host.port + 1} make run"):
        port.listen(host.port)


def test_a_port_in_use_on_the_other_loopback_counts() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("no ::1 here")
        other.listen()
        with pytest.raises(port.PortInUseError):
            port.listen(other.getsockname()[1])


def test_it_answers_by_both_names_of_this_machine(host: Host) -> None:
    for opened in ("127.0.0.1", "localhost"):
        with socket.create_connection((opened, host.port), timeout=5):
            pass
    wait_for(host.answers)
