"""Errors for missing responses: they name the cause and the host, without text of a library.

The errors are the libraries' own, over real sockets.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

import httpx
import pytest
import requests
from azure.core import PipelineClient
from azure.core.exceptions import DeserializationError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest

from backend.azure.errors.translation import while_trying_to
from backend.azure.errors.unreachable import is_redirect, reason_of
from backend.azure.transport import Connections
from backend.errors import AzureUnreachableError
from tests.support.sandbox_client import Sandbox
from tests.support.silence import listening, stay_silent

SIGNATURE = "PLANTEDsignature"
QUERY = f"/Config(RowKey='x')?sv=2022-11-02&sig={SIGNATURE}"


def by_requests(address: str) -> None:
    requests.get(address, timeout=(1, 0.3))


def by_azure_core(address: str) -> None:
    transport = RequestsTransport(session=Connections(), session_owner=False)
    client: PipelineClient[HttpRequest, object] = PipelineClient("", transport=transport, retry_total=0)
    client.send_request(HttpRequest("GET", address), connection_timeout=1, read_timeout=0.3)


def by_httpx(address: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(timeout=0.3) as client:
            await client.get(address)

    asyncio.run(get())


def cut(connection: socket.socket) -> None:
    connection.recv(1)
    connection.close()


def speak_no_http(connection: socket.socket) -> None:
    connection.recv(10_000)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)
    connection.close()


WAYS = pytest.mark.parametrize("way", [by_requests, by_azure_core, by_httpx], ids=lambda way: way.__name__)


@pytest.fixture(autouse=True)
def without_proxy(nowhere: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        nowhere.delenv(name, raising=False)
        nowhere.delenv(name.lower(), raising=False)


def message_of(way: Callable[[str], None], address: str) -> str:
    with pytest.raises(AzureUnreachableError) as raised, while_trying_to("open the box"):
        way(address)
    message = str(raised.value)
    assert message.startswith("Couldn't open the box: Azure did not respond (")
    assert "before you retry" in message
    for foreign in (SIGNATURE, "sig=", "Config(", "Max retries", "Pool(", "Errno", "object at"):
        assert foreign not in message
    return message


@WAYS
@pytest.mark.parametrize(
    ("then", "scheme", "reason"),
    [
        (cut, "http", "the connection to {host} was cut"),
        (cut, "https", "the connection to {host} was cut"),
        (stay_silent, "http", "{host} did not respond in time"),
        (speak_no_http, "http", "the connection to {host} was cut"),
        (speak_no_http, "https", "the TLS connection to {host} failed"),
    ],
    ids=["cut", "cut in the handshake", "silent", "no HTTP", "no TLS"],
)
def test_reason_names_the_host_and_what_happened(
    way: Callable[[str], None], then: Callable[[socket.socket], None], scheme: str, reason: str
) -> None:
    with listening(then) as host:
        assert f"({reason.format(host=host)})" in message_of(way, f"{scheme}://{host}{QUERY}")


@WAYS
def test_refused_connection_is_reported(way: Callable[[str], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    assert f"({host} refused the connection)" in message_of(way, f"http://user:{SIGNATURE}@{host}{QUERY}")


@WAYS
def test_unknown_name_is_reported(way: Callable[[str], None]) -> None:
    address = f"http://nowhere.invalid{QUERY}"
    assert "(the name nowhere.invalid was not resolved)" in message_of(way, address)


@WAYS
def test_proxy_that_refuses_is_reported_without_its_password(
    nowhere: pytest.MonkeyPatch, way: Callable[[str], None]
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with listening(refuse) as proxy:
        nowhere.setenv("HTTPS_PROXY", f"http://user:{SIGNATURE}@{proxy}")
        message = message_of(way, f"https://management.azure.com{QUERY}")
    assert "(the proxy did not open a connection to management.azure.com)" in message


@WAYS
def test_untrusted_certificate_is_reported(sandbox: Sandbox, way: Callable[[str], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", sandbox.env["HTTPS_PROXY"])  # without the sandbox's certificate authority
        message = message_of(way, f"https://management.azure.com{QUERY}")
    assert "(the TLS certificate of management.azure.com was not accepted)" in message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ssl.SSLCertVerificationError(1, "sig=x"), "the TLS certificate of the host was not accepted"),
        (OSError(113, "sig=x"), "no network route leads to the host"),
        (requests.exceptions.JSONDecodeError("sig=x", "", 0), "the response of the host was not readable"),
        (FileNotFoundError("sig=x"), "FileNotFoundError on the way to the host"),
        (requests.exceptions.ConnectTimeout("sig=x"), "the host did not accept a connection in time"),
        (ssl.SSLEOFError(8, "sig=x"), "the connection to the host was cut"),
        (httpx.ReadError("sig=x"), "the connection to the host was cut"),  # its `request` raises
    ],
)
def test_reason_of_an_error_without_a_request(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_error_that_is_its_own_cause_ends() -> None:
    first, second = OSError("a"), HttpResponseError("b")
    first.__cause__, second.__cause__ = second, first
    assert reason_of(first) == "OSError on the way to the host"


class Endless(Exception):  # noqa: N818 - it is not an error of any library
    """An error whose cause is another one at each look."""

    @property
    def reason(self) -> "Endless":
        return Endless()


def test_error_with_endless_causes_ends() -> None:
    assert reason_of(Endless()) == "Endless on the way to the host"


@pytest.mark.parametrize(("status", "redirects"), [(299, False), (300, True), (399, True), (400, False)])
def test_error_with_a_status_of_300_to_399_is_a_redirect(status: int, redirects: bool) -> None:
    error = HttpResponseError("sig=x")
    error.status_code = status
    assert is_redirect(error) is redirects


@pytest.mark.parametrize(
    "error",
    [requests.exceptions.JSONDecodeError("sig=x", "", 0), DeserializationError("sig=x"), httpx.DecodingError("sig=x")],
)
def test_unreadable_response_is_not_reported_as_missing(error: Exception) -> None:
    with pytest.raises(AzureUnreachableError) as raised, while_trying_to("open the box"):
        raise error
    assert raised.value.detail.startswith("Couldn't open the box: the response of the host was not readable.")
    assert "did not respond" not in str(raised.value)
