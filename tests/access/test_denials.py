"""Denials are entries in CIPP's Logbook, once a minute each. A caller without a sign-in leaves none."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

import function_app
from settings.audit.once_a_minute import OnceAMinute
from settings.http.process import services
from settings.http.routes import all_routes
from tests.support import phrases
from tests.support.api import Api, principal
from tests.support.cipp import cipp_of
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

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


def test_denial_entry_has_the_caller_and_the_permission(others: Others, caplog: pytest.LogCaptureFixture) -> None:
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
    assert [(entry["user"], entry["endpoint"], entry["outcome"]) for entry in logged] == [
        ("admin@contoso.com", "ExecBackendURLs", "denied")
    ]


def test_a_caller_and_an_endpoint_leave_one_line_a_minute(others: Others) -> None:
    api = Api()
    for who in ("a", "b"):
        for name, method in [("ListFunctionApps", "GET"), ("LISTFUNCTIONAPPS", "GET"), ("ExecKeyRotation", "POST")]:
            assert {ask(api, name, method=method, who=who) for _ in range(5)} == {403}
    found = sorted((line["Username"], json.loads(line["LogData"])["Endpoint"]) for line in lines(others))
    assert found == [(f"{who}@contoso.com", name) for who in "ab" for name in ("ExecKeyRotation", "ListFunctionApps")]


def test_denial_without_a_sign_in_has_no_audit_entry(others: Others) -> None:
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
    assert line["Message"].startswith(f"{phrases.UNKNOWN_ENDPOINT}: ")
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
        claims = [{"typ": name, "val": tenant} for name in ("tid", "oid", "scp")]
        sent = principal(claims=claims, userDetails="")
        assert api.get("ListFunctionApps", role=None, x_ms_client_principal=sent).status == 403
    (line,) = lines(others)
    assert line["Username"] == "unknown"


PATHS = [(route.method, route.path) for route in all_routes(function_app.PAGES) if route.needs]


def test_a_caller_without_a_role_leaves_one_entry_for_all_endpoints(others: Others) -> None:
    api = Api()
    for who in ("a", "b"):
        for method, path in PATHS:
            assert ask(api, path, method=method, who=who, role="billing") == 403
        assert ask(api, "Nope", who=who, role="billing") == 403
    assert sorted(line["Username"] for line in lines(others)) == ["a@contoso.com", "b@contoso.com"]


def test_an_entry_states_how_many_denials_were_left_out(others: Others, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    api = Api()
    for method, path in PATHS:
        assert ask(api, path, method=method, role="billing") == 403
    assert ask(api, "ListFunctionApps", who="b", role="billing") == 403
    first, second = sorted(lines(others), key=lambda line: str(line["Username"]))
    assert ("LeftOut" in first["LogData"], phrases.LEFT_OUT_OF_LOGBOOK in first["Message"]) == (False, False)
    assert json.loads(second["LogData"])["LeftOut"] == len(PATHS) - 1
    assert second["Message"].endswith(f"{phrases.LEFT_OUT_OF_LOGBOOK}: {len(PATHS) - 1}.")
    denied = [record for record in caplog.records if record.name == "cipp.record" and phrases.DENIED in record.message]
    assert len(denied) == len(PATHS) + 1  # the log stream has them all


def test_a_caller_with_a_role_has_a_place_beside_many_without(others: Others) -> None:
    api = Api()
    services.audit.denials_without_role = OnceAMinute(most=3)
    for who in "abcdef":
        assert ask(api, "ListFunctionApps", who=who, role="billing") == 403
    for name, method in [("ListFunctionApps", "GET"), ("ExecKeyRotation", "POST")]:
        assert ask(api, name, method=method, who="intruder") == 403
    found = sorted((line["Username"], json.loads(line["LogData"]).get("LeftOut")) for line in lines(others))
    assert found == [
        *((f"{who}@contoso.com", None) for who in "abc"),
        *[("intruder@contoso.com", None)] * 2,
    ]


@pytest.mark.compares_times
def test_a_denial_without_a_free_seat_does_not_wait_for_its_entry(others: Others, nowhere: pytest.MonkeyPatch) -> None:
    del others
    api = Api()
    assert ask(api, "ListFunctionApps", role="billing") == 403
    nowhere.setattr("backend.concurrency.seats.SEATS", 0)
    nowhere.setattr(services().logbook, "write", lambda *_: time.sleep(1.5))
    began = time.monotonic()
    assert ask(api, "ListFunctionApps", who="b", role="billing") == 403
    assert time.monotonic() - began < 1
    assert ask(api, "ListFunctionApps", who="intruder") == 403
    assert time.monotonic() - began > 1  # a caller with a role needs no seat


def test_denied_address_of_a_caller_with_a_role_is_recorded(others: Others) -> None:
    with cipp_of(others.azure) as cipp:
        cipp.ranges("admin", "203.0.113.9")
        api = Api()
        services.audit.denials_without_role = OnceAMinute(most=0)
        assert ask(api, "ListFunctionApps", role="admin", **{"x-forwarded-for": "198.51.100.1"}) == 403
        assert len(lines(others)) == 1


def test_omitted_entries_are_counted_until_the_next_new_entry() -> None:
    counting = OnceAMinute(span_seconds=60, most=3)
    assert [counting.counted(who) for who in (1, 1, 2, 2, 2, 3, 4, 5)] == [0, None, 1, None, None, 2, None, None]
    soon = OnceAMinute(span_seconds=0.05, most=1)
    assert [soon.counted(who) for who in (1, 2, 3)] == [0, None, None]
    time.sleep(0.06)
    assert [soon.counted(who) for who in (2, 1)] == [2, None]


def test_many_who_are_denied_do_not_fill_the_memory_nor_the_table() -> None:
    heard = OnceAMinute(span_seconds=60, most=3)
    assert [heard.is_new(who) for who in (1, 2, 2, 3, 4, 5, 1)] == [True, True, False, True, False, False, False]


def test_after_a_minute_a_caller_is_new_again() -> None:
    heard = OnceAMinute(span_seconds=0, most=1)
    assert [heard.is_new(who) for who in (1, 1, 2, 2)] == [True] * 4
