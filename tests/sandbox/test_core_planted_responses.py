"""Faults that plant or edit a response: what Azure responds, and whether the request takes effect."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.support.sandbox.arm import SITE
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox.vault_calls import Vault, fresh_vault
from tests.support.sandbox_client import Sandbox

GRAPH = "https://graph.microsoft.com/v1.0/organization"


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox, propagation_seconds=0)


@pytest.fixture
def vault(sandbox: Sandbox) -> Iterator[Vault]:
    with fresh_vault(sandbox, direct_tenants=0) as vault:
        yield vault


def secrets(app: Sam) -> int:
    return len(app.application()["passwordCredentials"])


@pytest.mark.parametrize(
    ("body", "content_type", "raw"),
    [
        ({"error": {"code": "x"}}, "application/json", b'{"error": {"code": "x"}}'),
        ([1, None], "application/json", b"[1, null]"),
        (7, "application/json", b"7"),
        (False, "application/json", b"false"),
        ("<html>é</html>", None, "<html>é</html>".encode()),
        ("", None, b""),
        (None, None, b""),
    ],
)
def test_planted_response_is_sent_unchanged(
    sandbox: Sandbox, body: object, content_type: str | None, raw: bytes
) -> None:
    sandbox.reset()
    sandbox.faults([{"answer": {"status": 202, "headers": {"X-Own": "1"}, "body": body}}])
    response = sandbox.web().get(GRAPH)
    assert (response.status_code, response.content) == (202, raw)
    assert response.headers.get("content-type") == content_type
    assert response.headers["x-own"] == "1"
    assert response.headers["content-length"] == str(len(raw))
    assert "request-id" not in response.headers
    assert sandbox.calls()[0]["status"] == 202


def test_headers_of_a_planted_response_override_the_sandboxs(sandbox: Sandbox) -> None:
    sandbox.reset()
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    headers = {"Date": date, "Content-Type": "text/html", "Content-Length": "999", "Transfer-Encoding": "chunked"}
    sandbox.faults([{"answer": {"headers": headers, "body": {"a": 1}}}, {"nth": 2, "answer": {}}])
    web = sandbox.web()
    first, second = web.get(GRAPH), web.get(GRAPH)
    assert (first.headers["date"], first.headers["content-type"]) == (date, "text/html")
    assert first.json() == {"a": 1}
    now = datetime.fromisoformat(sandbox.state()["now"])
    assert abs(parsedate_to_datetime(second.headers["date"]) - now).total_seconds() < 60
    assert (second.status_code, second.content) == (200, b"")


@pytest.mark.parametrize("status", [200, 204, 304, 404, 429, 599])
def test_connection_serves_the_next_call_after_a_planted_response(sandbox: Sandbox, status: int) -> None:
    sandbox.reset()
    sandbox.faults([{"answer": {"status": status}}])
    with sandbox.web() as web:
        assert [web.get(GRAPH).status_code for _ in range(2)] == [status, 401]
        assert web.head(GRAPH).status_code == 401


@pytest.mark.parametrize("mode", [None, "refuse", "drop-before", "drop-after", "hang"])
def test_planted_response_replaces_the_effect(app: Sam, mode: str | None) -> None:
    token = app.sign_in().json()["access_token"]
    app.sandbox.faults([{"method": "POST", "mode": mode, "answer": {"status": 503, "body": "x"}}])
    path = f"/v1.0/applications/{app.object_id}/addPassword"
    if mode in (None, "refuse"):
        assert app.graph("POST", path, {}, token).text == "x"
    else:
        with pytest.raises(requests.RequestException):
            app.sandbox.web().post(
                f"https://graph.microsoft.com{path}", json={}, headers={"Authorization": f"Bearer {token}"}, timeout=0.5
            )
    assert secrets(app) == 1


def test_planted_response_is_sent_when_the_hold_ends(sandbox: Sandbox) -> None:
    sandbox.reset()
    sandbox.faults([{"mode": "hold", "answer": {"status": 418}}])
    with ThreadPoolExecutor() as workers:
        response = workers.submit(sandbox.web().get, GRAPH)
        sandbox.wait_until_held()
        assert not response.done()
        sandbox.faults([])
        assert response.result().status_code == 418


def test_planted_response_and_edit_count_calls_like_other_faults(sandbox: Sandbox) -> None:
    sandbox.reset()
    sandbox.faults([{"nth": 2, "times": 2, "answer": {"status": 418}}, {"host": "*.vault.azure.net", "edit": []}])
    web = sandbox.web()
    assert [web.get(GRAPH).status_code for _ in range(4)] == [401, 418, 418, 401]
    assert sandbox.control("GET", "faults")["faults"] == [{"seen": 4, "held": 0}, {"seen": 0, "held": 0}]


def test_edit_changes_the_response_and_not_the_effect(vault: Vault) -> None:
    edit = [["value", "other"], ["attributes.enabled", False], ["tags", {"$remove": True}], ["added", [1]]]
    vault.sandbox.faults([{"method": "PUT", "edit": edit}])
    response = vault.call("PUT", "/secrets/x", {"value": "mine", "tags": {"a": "b"}})
    body = response.json()
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["x-ms-keyvault-region"]
    assert (body["value"], body["attributes"]["enabled"], body["added"]) == ("other", False, [1])
    assert "tags" not in body
    (stored,) = vault.sandbox.state()["vaults"]["cippabc12"]["secrets"]["x"]
    assert (stored["value"], stored["enabled"], stored["tags"]) == ("mine", True, {"a": "b"})
    assert vault.call("GET", "/secrets/x").json()["value"] == "mine"


def test_edit_changes_the_members_of_a_list(vault: Vault) -> None:
    vault.sandbox.faults([{"path": "/secrets$", "edit": [["value.?RefreshToken", {"$remove": True}]]}])
    listed = vault.call("GET", "/secrets").json()["value"]
    assert [one["id"].rpartition("/")[2] for one in listed] == ["ApplicationID", "ApplicationSecret", "TenantID"]


def test_edit_changes_the_responses_in_a_batch(app: Sam) -> None:
    token = app.sign_in().json()["access_token"]
    edit = [["responses.*.body.passwordCredentials.*.keyId", "other"]]
    app.sandbox.faults([{"path": "/\\$batch$", "edit": edit}])
    request = {"id": "1", "method": "GET", "url": f"/applications/{app.object_id}"}
    batch = app.graph("POST", "/v1.0/$batch", {"requests": [request]}, token).json()
    (password,) = batch["responses"][0]["body"]["passwordCredentials"]
    assert password["keyId"] == "other"


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"mode": "refuse", "status": 429, "edit": [["error.code", "x"]]}, 429, "x"),
        ({"answer": {"status": 400, "body": {"error": {"code": 1}}}, "edit": [["error.code", "x"]]}, 400, "x"),
        ({"edit": [["error.code", "x"]]}, 401, "x"),
    ],
)
def test_edit_changes_any_response(sandbox: Sandbox, fault: dict[str, object], status: int, body: str) -> None:
    sandbox.reset()
    sandbox.faults([fault])
    response = sandbox.web().get(GRAPH)
    assert (response.status_code, response.json()["error"]["code"]) == (status, body)
    assert json.loads(sandbox.calls()[0]["response_body"])["error"]["code"] == body


def test_edit_keeps_a_body_that_is_not_json_or_empty(app: Sam) -> None:
    edit = [["a", 1], ["*", 1]]
    html: dict[str, object] = {
        "answer": {"status": 503, "body": "<html></html>"},
        "edit": edit,
        "host": "graph.microsoft.com",
    }
    app.sandbox.faults([html, {"method": "PATCH", "edit": edit, "times": 0}])
    assert app.sandbox.web().get(GRAPH).text == "<html></html>"
    done = app.graph("PATCH", f"/v1.0/applications/{app.object_id}", {"notes": "x"})
    assert (done.status_code, done.content) == (204, b"")
    assert app.graph("GET", f"/v1.0/applications/{app.object_id}").json()["notes"] == "x"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"answer": []}, "an object"),
        ({"answer": {"status": "200"}}, "status"),
        ({"answer": {"status": 100}}, "status"),
        ({"answer": {"status": 600}}, "status"),
        ({"answer": {"status": True}}, "status"),
        ({"answer": {"code": 200}}, "code"),
        ({"answer": {"headers": []}}, "headers"),
        ({"answer": {"headers": {"a": 1}}}, "headers"),
        ({"answer": {"headers": {"a b": "x"}}}, "a b"),
        ({"answer": {"headers": {"a": "x\r\nb: y"}}}, "headers"),
        ({"answer": {"headers": {"a": "€"}}}, "headers"),
        ({"answer": {"status": 204, "body": {}}}, "204"),
        ({"edit": {}}, "edit"),
        ({"edit": [["a"]]}, "edit 1"),
        ({"mode": "explode", "answer": {}}, "mode"),
        ({"mode": "refuse", "edit": []}, "status"),
        ({}, "mode"),
        ({"mode": "hang", "after_seconds": "1"}, "after_seconds"),
        ({"mode": "hang", "after_seconds": -1}, "after_seconds"),
        ({"mode": "hang", "after_seconds": 1e300}, "after_seconds"),
        ({"mode": "refuse-then-do", "status": 200}, "status"),
    ],
)
def test_error_names_the_invalid_part_of_a_fault(sandbox: Sandbox, fault: dict[str, object], word: str) -> None:
    status, text = sandbox.refused("faults", json.dumps([{"mode": "hang"}, fault]).encode())
    assert status == 400
    assert "Fault 2" in json.loads(text)["error"]
    assert word in json.loads(text)["error"]


def test_latency_delays_a_planted_response(sandbox: Sandbox) -> None:
    sandbox.reset(latency_seconds={"graph.microsoft.com": 0.3})
    sandbox.faults([{"answer": {}}])
    before = time.monotonic()
    sandbox.web().get(GRAPH)
    assert time.monotonic() - before >= 0.3
    sandbox.reset()


def test_gateway_timeout_of_resource_manager_names_the_provider(sandbox: Sandbox) -> None:
    sandbox.reset()
    sandbox.faults([{"mode": "refuse", "status": 504}])
    refused = sandbox.web().get(f"https://management.azure.com{SITE}?api-version=2025-05-01")
    message = "The gateway did not receive a response from 'Microsoft.Web' within the specified time period."
    assert refused.json() == {"error": {"code": "GatewayTimeout", "message": message}}
    assert refused.headers["x-ms-failure-cause"] == "gateway"
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(
    ("fault", "content_type", "text"),
    [
        ({"status": 503}, "text/html", "Service Unavailable"),
        ({"status": 429}, "application/json", '"Code":"429"'),
        ({"status": 409}, "application/json", '"Code":"409"'),
    ],
)
def test_refusals_of_app_service_are_as_recorded(
    sandbox: Sandbox, fault: dict[str, object], content_type: str, text: str
) -> None:
    sandbox.reset()
    sandbox.faults([{"mode": "refuse", **fault}])
    refused = sandbox.web().get(f"https://management.azure.com{SITE}?api-version=2025-05-01")
    assert refused.headers["content-type"].startswith(content_type)
    assert text in refused.text
    assert "retry-after" not in refused.headers
