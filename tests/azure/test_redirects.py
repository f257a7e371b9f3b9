"""No redirect is followed with a credential in hand: nothing arrives where the Location points."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.ca import CertificateAuthority
from sandbox.names import PLANTED
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.redirecting_proxy import ELSEWHERE, RedirectingProxy
from tests.support.sandbox_client import Sandbox

STATUSES = (301, 302, 303, 307, 308)


@contextmanager
def redirecting(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, folder: Path, host: str, status: int
) -> Iterator[RedirectingProxy]:
    """Let one host of Azure respond with redirects."""
    authority = CertificateAuthority()
    bundle = folder / "trusted.pem"
    authority.write_bundle(bundle)  # beside the sandbox's own
    proxy = RedirectingProxy(azure.env["HTTPS_PROXY"], authority, host, status, f"sig={PLANTED}")
    for name in azure.env:
        if name.upper() in {"HTTPS_PROXY", "ALL_PROXY"}:
            nowhere.setenv(name, proxy.url)
        elif name in {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}:
            nowhere.setenv(name, str(bundle))
    with proxy.running():
        yield proxy


def assert_not_followed(answer: Answer, proxy: RedirectingProxy) -> None:
    assert proxy.redirected > 0
    assert proxy.reached == []
    assert "redirect" in answer.text
    assert not any(part in answer.text for part in (PLANTED, ELSEWHERE))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "name", ["RefreshToken", "ApplicationSecret", "SAMCertificate"], ids=["token", "secret", "certificate"]
)
def test_redirect_of_entra_is_not_followed(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, tmp_path: Path, name: str, status: int
) -> None:
    with redirecting(azure, nowhere, tmp_path, "login.microsoftonline.com", status) as proxy:
        answer = Api().post("ExecKeyProof", {"Names": [name]})
        assert_not_followed(answer, proxy)
    assert f"login.microsoftonline.com {phrases.REDIRECTED} ({status})" in answer.text
    assert "dead" not in answer.text


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("host", "endpoint"),
    [("management.azure.com", "ListFunctionApps"), (r".*\.vault\.azure\.net", "ListKeyVaultSecrets")],
    ids=["arm", "vault"],
)
def test_redirect_of_azure_is_not_followed(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    azure: Sandbox, nowhere: pytest.MonkeyPatch, tmp_path: Path, host: str, endpoint: str, status: int
) -> None:
    with redirecting(azure, nowhere, tmp_path, host, status) as proxy:
        answer = Api().get(endpoint)
        assert_not_followed(answer, proxy)
    assert answer.status == 500


@pytest.mark.parametrize("status", STATUSES)
def test_redirect_of_a_written_secret_is_not_followed(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    body = {"Name": "planted", "Value": f"value-{PLANTED}"}
    with redirecting(azure, nowhere, tmp_path, r".*\.vault\.azure\.net", status) as proxy:
        assert_not_followed(Api().post("ExecKeyVaultSecretSet", body), proxy)


@pytest.mark.parametrize("status", STATUSES)
def test_redirect_of_graph_is_not_followed(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    with redirecting(azure, nowhere, tmp_path, "graph.microsoft.com", status) as proxy:
        answer = Api().post("ExecKeyRotation", {"Names": ["ApplicationSecret"], "Force": True})
        assert_not_followed(answer, proxy)


@contextmanager
def http_server(status: int, location: str | None) -> Iterator[tuple[str, list[str]]]:
    """Respond to every call with a status. Yield the address, and what arrives."""
    arrived: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            arrived.append(f"{self.path} {self.headers} {body!r}")
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = respond  # noqa: N815 - http.server's own names

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", arrived
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", STATUSES)
def test_redirect_of_the_storage_is_not_followed(azure: Sandbox, nowhere: pytest.MonkeyPatch, status: int) -> None:
    del azure
    with (
        http_server(200, None) as (target, arrived),
        http_server(status, f"{target}/x?sig={PLANTED}") as (storage, redirected),
    ):
        nowhere.setenv("CIPP_STORAGE", f"TableEndpoint={storage}/account;SharedAccessSignature=sv=1&sig={PLANTED}")
        answer = Api().post("ExecTimeSettings", {"Timezone": "UTC"})
        assert redirected
        assert arrived == []
    assert answer.status == 500
    assert "redirect" in answer.results
    assert PLANTED not in answer.text


@pytest.mark.parametrize("status", STATUSES)
def test_redirect_of_the_identity_endpoint_is_not_followed(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, status: int
) -> None:
    del azure
    with (
        http_server(200, None) as (target, arrived),
        http_server(status, f"{target}/x?sig={PLANTED}") as (identity, redirected),
    ):
        nowhere.setenv("IDENTITY_ENDPOINT", f"{identity}/msi/token")
        answer = Api().get("ListFunctionApps")
        assert redirected
        assert arrived == []
    assert answer.status == 500
    assert PLANTED not in answer.text
