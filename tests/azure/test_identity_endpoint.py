"""The managed identity's endpoint responds without a token: the status that it returned is the one that is reported."""

from typing import Any

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

HTML: dict[str, object] = {
    "headers": {"content-type": "text/html"},
    "body": "<html><title>Forbidden</title></html>",
}
SHOW = "az functionapp identity show"


def without_token(azure: Sandbox, **answer: object) -> Any:  # noqa: ANN401 - what JSON may hold
    azure.faults([{"path": "/msi/token", "answer": answer, "times": 0}])
    return Api().get("ListFunctionApps").body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_empty_response_is_reported_with_its_status(azure: Sandbox, status: int) -> None:
    body = without_token(azure, status=status)
    assert body["azureStatus"] == status
    assert f" {status}: " in body["Results"]
    assert (SHOW in body["Results"]) is (status < 500)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTML, f"Forbidden ({phrases.BODY_WAS} an HTML page, {phrases.BODY_NOT_SHOWN})"),
        ({"headers": {"content-type": "text/plain"}, "body": "go away"}, phrases.PLAIN_TEXT),
        ({"body": {"statusCode": 500, "message": "No identity is assigned."}}, "403: No identity is assigned."),
        ({"body": {"StatusCode": 403, "Message": "In capitals"}}, "403: In capitals."),
        ({"body": {"error": {"code": "Forbidden", "message": "Not this app"}}}, "403 (Forbidden): Not this app."),
        ({"body": {"error": "invalid_request", "error_description": "AADSTS500011: x"}}, "AADSTS500011"),
        ({"body": []}, "403: Forbidden"),
        ({"body": "null"}, "403: Forbidden"),
        ({"body": {}}, "403: Forbidden"),
        ({"headers": {"content-type": "application/json"}, "body": "{"}, "403: Forbidden"),
        ({"body": {"access_token": "eyJ0.eyJ1", "expires_on": "never"}}, "403: Forbidden"),
    ],
    ids=["html", "text", "another status", "capitals", "arm", "oauth", "list", "null", "object", "cut", "token"],
)
def test_403_stays_a_403_whatever_its_body(azure: Sandbox, answer: dict[str, object], words: str) -> None:
    body = without_token(azure, status=403, **answer)
    assert body["azureStatus"] == 403
    assert words in body["Results"]
    assert "eyJ" not in str(body)


@pytest.mark.parametrize("answer", [{}, {"body": []}, {"body": {"access_token": "x"}}])
def test_200_without_a_token_is_not_called_a_refusal(azure: Sandbox, answer: dict[str, object]) -> None:
    body = without_token(azure, status=200, **answer)
    assert body["azureStatus"] == 200
    assert f"200 {phrases.WITHOUT_TOKEN}" in body["Results"]


def test_throttled_identity_is_reported_with_the_wait_and_not_with_the_command(azure: Sandbox) -> None:
    body = without_token(azure, status=429, headers={"retry-after": "2700"})
    assert body["azureStatus"] == 429
    assert " 2700 seconds." in body["Results"]
    assert SHOW not in body["Results"]


def test_passing_error_of_the_endpoint_is_tried_again(azure: Sandbox) -> None:
    azure.faults([{"path": "/msi/token", "answer": {"status": 500}, "times": 1}])
    assert Api().get("ListFunctionApps").status == 200


def test_refused_token_is_not_reported_as_missing_rights(azure: Sandbox) -> None:
    azure.faults([{"path": "/msi/token", "answer": {"status": 403}, "times": 0}])
    rights = Api().get("ListBackendRights")
    assert "403: Forbidden" in rights.text
    assert '"Held":false' not in rights.text.replace(" ", "")
