"""How the host's process starts and stops."""

import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from sandbox.host import port
from tests.support.host import PATIENCE_SECONDS, Host, wait_for

WEEKLY = "0 0 0 * * 0"


@pytest.mark.parametrize(("path", "code"), [("/api/exit/now", 7), ("/api/exit_async", 8)])
def test_host_exits_when_a_handler_raises_system_exit(tmp_path: Path, path: str, code: int) -> None:
    host = Host(tmp_path, WEEKLY=WEEKLY)
    with suppress(OSError, HTTPException):
        host.request("GET", path)
    assert host.process.wait(PATIENCE_SECONDS) == code
    assert "SystemExit" in host.log


def test_host_exits_with_the_reason_when_the_worker_refuses_the_app(tmp_path: Path) -> None:
    host = Host(tmp_path, "bad")
    assert host.process.wait(PATIENCE_SECONDS) == 1
    assert "function bad" in host.log
    assert 'parameter "more"' in host.log


def test_refused_function_is_logged_on_start(host: Host) -> None:
    assert "The host refuses the function refused: the route" in host.log


@pytest.mark.compares_times
def test_host_exits_immediately_on_a_signal_while_a_function_runs(tmp_path: Path) -> None:
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


def test_error_for_a_port_in_use_names_another_port(host: Host) -> None:
    with pytest.raises(port.PortInUseError, match=f"{host.port} .*HOST_PORT={host.port + 1} make run"):
        port.listen(host.port)


def test_port_is_in_use_when_only_the_other_loopback_uses_it() -> None:
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


def test_host_responds_on_both_loopback_addresses(host: Host) -> None:
    for opened in ("127.0.0.1", "localhost"):
        with socket.create_connection((opened, host.port), timeout=5):
            pass
    wait_for(host.answers)
