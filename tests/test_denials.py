"""Who is denied leaves a line in CIPP's Logbook, once a minute for each endpoint; who is nobody leaves none."""

import json
from typing import Any
from uuid import uuid4

import pytest

from backend.once_a_minute import OnceAMinute
from tests.api import Api, principal
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox

JSON = {"content-type": "application/json"}


@pytest.fixture
def others(azure: Sandbox) -> Others:
    """A CIPP with an empty Logbook."""
    made = Others(azure)
    made.clear_tables()
    return made


def lines(others: Others) -> list[dict[str, Any]]:
    return [row for row in others.rows("CippLogs", record=True) if row["API"] == "Backend"]


def ask(api: Api, name: str, *, method: str = "GET", who: str = "a", role: str = "editor", **headers: str) -> int:
    sent = {**JSON, "x-ms-client-principal": principal(role, userId=who, userDetails=f"{who}@contoso.com"), **headers}
    return api.call(method, name, headers=sent).status


def test_a_denial_is_a_line_that_says_who_and_which_permission(
    others: Others, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    answer = Api().get("ExecBackendURLs", role="editor")
    assert answer.status == 403
    (line,) = lines(others)
    assert (line["Severity"], line["Username"]) == ("Warning", "admin@contoso.com")
    assert line["Message"] == f"ExecBackendURLs: {answer.results}"
    assert "CIPP.AppSettings.Read" in line["Message"]
    assert json.loads(line["LogData"]) == {
        "Endpoint": "ExecBackendURLs",
        "UserId": "5a1d0b0c",
        "Role": "editor",
        "Address": None,
        "DryRun": None,
        "Outcome": "denied",
        "CorrelationId": answer.headers["x-correlation-id"],
    }
    logged = [json.loads(record.getMessage()) for record in caplog.records if record.name == "cipp.record"]
    assert [(said["user"], said["endpoint"], said["outcome"]) for said in logged] == [
        ("admin@contoso.com", "ExecBackendURLs", "denied")
    ]


def test_a_caller_and_an_endpoint_leave_one_line_a_minute(others: Others) -> None:
    api = Api()
    for who in ("a", "b"):
        for name, method in [("ListFunctionApps", "GET"), ("LISTFUNCTIONAPPS", "GET"), ("ExecKeyRotation", "POST")]:
            assert {ask(api, name, method=method, who=who) for _ in range(5)} == {403}
    found = sorted((line["Username"], json.loads(line["LogData"])["Endpoint"]) for line in lines(others))
    assert found == [(f"{who}@contoso.com", name) for who in "ab" for name in ("ExecKeyRotation", "ListFunctionApps")]


def test_whoever_is_not_signed_in_leaves_none(others: Others) -> None:
    api = Api()
    for name in ("ExecBackendURLs", "Nope", "me"):
        assert api.get(name, role=None).status == 401
        assert api.get(name, role=None, x_ms_client_principal="%%%").status == 401
    assert api.call("PUT", "ExecKeyRotation", role=None).status == 401
    assert lines(others) == []


def test_names_that_a_caller_invents_are_one_endpoint(others: Others) -> None:
    api = Api()
    assert {ask(api, f"Nope{n}", role="nobody") for n in range(5)} == {403}
    (line,) = lines(others)
    assert line["Message"].startswith("An unknown endpoint: ")
    assert "Nope" not in str(line)


def test_a_wrong_method_and_another_origin_are_denials_too(others: Others) -> None:
    api = Api()
    assert ask(api, "ListFunctionApps", method="DELETE") == 403
    forged = {"sec-fetch-site": "cross-site"}
    assert ask(api, "ExecKeyRotation", method="POST", role="superadmin", **forged) == 403
    assert sorted(json.loads(line["LogData"])["Endpoint"] for line in lines(others)) == [
        "ExecKeyRotation",
        "ListFunctionApps",
    ]


def test_a_user_of_another_tenant_is_an_unknown_caller(others: Others) -> None:
    api = Api()
    for tenant in (str(uuid4()) for _ in range(3)):
        claims = [{"typ": name, "val": tenant} for name in ("tid", "oid")]
        sent = principal(claims=claims, userDetails="")
        assert api.get("ListFunctionApps", role=None, x_ms_client_principal=sent).status == 403
    (line,) = lines(others)
    assert line["Username"] == "unknown"


def test_many_who_are_denied_do_not_fill_the_memory_nor_the_table() -> None:
    heard = OnceAMinute(span_seconds=60, most=3)
    assert [heard.is_new(who) for who in (1, 2, 2, 3, 4, 5, 1)] == [True, True, False, True, False, False, False]


def test_after_a_minute_a_caller_is_new_again() -> None:
    heard = OnceAMinute(span_seconds=0, most=1)
    assert [heard.is_new(who) for who in (1, 1, 2, 2)] == [True] * 4
