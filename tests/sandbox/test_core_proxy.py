import socket
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.sandbox_client import Sandbox

HOSTS = [
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "graph.microsoft.com",
    "graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "cippabc12.vault.azure.net",
    "cippabc12.vault.usgovcloudapi.net",
    "cippabc12.vault.azure.cn",
    "example.com",
    "no-such-vault.vault.azure.net",
]


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_has_a_certificate_trusted_by_the_bundle(sandbox: Sandbox, host: str) -> None:
    answer = sandbox.web().get(f"https://{host}/there/is/no/such/path")
    assert answer.status_code == 501 or "vault" in host
    assert answer.headers["date"]


def test_calls_of_unknown_hosts_and_plain_requests_are_recorded(sandbox: Sandbox) -> None:
    sandbox.reset()
    for url in ("https://example.com/a/b?c=d", "http://example.com/a/b?c=d"):
        answer = sandbox.web().get(url)
        assert answer.status_code == 501
        assert "sandbox" in answer.text
    assert [call["url"] for call in sandbox.calls("example.com")] == [
        "https://example.com/a/b?c=d",
        "http://example.com/a/b?c=d",
    ]
    assert "GET example.com/a/b" in (sandbox.folder / ".sandbox" / "sandbox.log").read_text("utf-8")


def test_advance_moves_every_date_header_until_a_reset(sandbox: Sandbox) -> None:
    began = datetime.fromisoformat(sandbox.reset(now="2031-05-06T07:08:09Z")["now"])
    sandbox.advance(86_400 * 10)
    date = sandbox.web().get("https://graph.microsoft.com/v1.0/x").headers["date"]
    assert abs(parsedate_to_datetime(date) - began - timedelta(days=10)) < timedelta(seconds=20)
    assert sandbox.state()["now"].startswith("2031-05-16T07:0")
    assert sandbox.reset(now="2031-05-06T07:08:09Z")["now"].startswith("2031-05-06T07:08:")


def test_other_calls_succeed_when_a_client_disconnects(sandbox: Sandbox) -> None:
    port = int(sandbox.env["HTTPS_PROXY"].rpartition(":")[2])
    for sent in (b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n", b"CONNECT x:443 HTTP/1.1\r\n\r\nno tls", b""):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(sent)
    assert sandbox.web().get("https://graph.microsoft.com/v1.0/x").status_code == 501


def test_recorded_call_is_complete_except_for_the_token(sandbox: Sandbox) -> None:
    sandbox.reset()
    sandbox.web().post(
        "https://graph.microsoft.com/v1.0/nothing%20here?a=b", json={"c": 1}, headers={"Authorization": "Bearer x"}
    )
    (call,) = sandbox.calls()
    assert set(call) == {
        "method",
        "host",
        "path",
        "url",
        "status",
        "request_headers",
        "request_body",
        "response_headers",
        "response_body",
    }
    assert (call["method"], call["host"], call["status"]) == ("POST", "graph.microsoft.com", 501)
    assert call["path"] == "/v1.0/nothing here"
    assert call["url"] == "https://graph.microsoft.com/v1.0/nothing%20here?a=b"
    assert call["request_body"] == '{"c": 1}'
    assert "authorization" not in call["request_headers"]
    assert "sandbox" in call["response_body"]
