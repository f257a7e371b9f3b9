"""Every write operation has one entry in CIPP's Logbook: caller, endpoint, dry run and outcome, without values."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pytest

import function_app
from backend.errors import InvalidInputError
from backend.rotation.results import KeyReport, Rotation
from sandbox import names
from settings.audit.audit_log import Who, summary_of, who_of
from settings.http.process import services
from settings.http.routes import Route, all_routes
from tests.examples import PREPARE
from tests.support import phrases
from tests.support.api import Api, principal
from tests.support.bodies import body_of, can_be_dry
from tests.support.host import wait_for
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.silence import silent_storage

ACTS = [route for route in all_routes(function_app.PAGES) if route.method == "POST"]
HIDDEN = "hush-hush-8Q~"
# Values that no entry may contain, in addition to the example.
HIDING: dict[str, dict[str, Any]] = {
    "ExecFunctionAppSettings": {"Set": {"A": HIDDEN}},
    "ExecKeyVaultSecretSet": {"Value": HIDDEN},
}
# What another endpoint must have started, so that the example is not refused as invalid.
NEEDS_A_START: Final = {"ExecKeySignInFinish"}


@pytest.fixture
def others(azure: Sandbox) -> Others:
    """A CIPP with a table Config and an empty Logbook."""
    made = Others(azure)
    made.clear_tables("Config")
    made.zone("Pacific/Kiritimati")
    return made


def lines(others: Others) -> list[dict[str, Any]]:
    """Return the entries of write operations. The rotation writes others."""
    return [row for row in others.rows("CippLogs", record=True) if row["API"] == "Backend"]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check that the block takes less time."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("route", ACTS, ids=lambda route: route.name)
def test_every_write_operation_has_one_entry(others: Others, route: Route) -> None:
    api = Api()
    started = PREPARE[route.name](others) if route.name in NEEDS_A_START else {}
    for dry_run in (True, False):
        before = {row["RowKey"] for row in lines(others)}
        body = body_of(route, dry_run=dry_run) | HIDING.get(route.name, {}) | started
        response = api.post(route.name, body)
        assert response.status != 400, response.text
        (line,) = [row for row in lines(others) if row["RowKey"] not in before]
        assert line["Message"].startswith(route.name)
        assert (phrases.DRY_RUN_MARK in line["Message"]) is (dry_run and can_be_dry(route))
        assert line["Severity"] == ("Info" if response.status == 200 else "Error")
        assert line["Username"] == "admin@contoso.com"
        assert json.loads(line["LogData"]) == {
            "Endpoint": route.name,
            "UserId": "5a1d0b0c",
            "Role": "superadmin",
            "Address": None,
            "DryRun": dry_run and can_be_dry(route),
            "Outcome": "done" if response.status == 200 else "failed",
            "CorrelationId": response.headers["x-correlation-id"],
        }
        assert line["Message"].partition(": ")[2]
        if response.status != 200:
            assert response.results[:200] in line["Message"]
        assert HIDDEN not in str(line)
        assert "invitations.azurestaticapps" not in str(line).lower()
        secret = (
            response.results.get("InvitationUrl")
            if response.status == 200 and isinstance(response.results, dict)
            else None
        )
        assert not secret or secret not in str(line)


def test_entry_has_the_fields_that_cipp_reads(others: Others) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    began = datetime.now(zone)  # the time of this machine, because Azure may be unreachable when an entry is written
    assert Api().post("ExecFunctionAppStop").status == 200
    (line,) = lines(others)
    assert line["PartitionKey"] in {f"{day:%Y%m%d}" for day in (began, datetime.now(zone))}
    assert {
        "Tenant",
        "TenantID",
        "API",
        "Message",
        "Username",
        "Severity",
        "sentAsAlert",
        "FunctionNode",
        "LogData",
    } <= set(line)
    assert (line["FunctionNode"], line["sentAsAlert"]) == (names.BACKEND_SITE, False)
    assert f"'{names.MAIN_SITE}' Stopped" in line["Message"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"userDetails": ""}, "5a1d0b0c"),
        ({"userDetails": " "}, "5a1d0b0c"),
        ({"userDetails": "", "userId": ""}, "unknown"),
    ],
)
def test_caller_without_a_name_is_recorded_by_id(others: Others, fields: dict[str, str], name: str) -> None:
    sent = principal("superadmin", **fields)
    assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    assert lines(others)[0]["Username"] == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u202egnp.exe", "gnp.exe"),
        ("a\x00b", "a b"),
        ("\x1b[31mred", "[31mred"),
        ("\u200b", "5a1d0b0c"),
        ("Zoë", "Zoë"),
    ],
)
def test_name_is_recorded_without_invisible_characters(others: Others, name: str, shown: str) -> None:
    sent = principal("superadmin", userDetails=name)
    assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    assert lines(others)[0]["Username"] == shown


@pytest.mark.parametrize(("name", "by"), [("", "5a1d0b0c"), ("a\nb", "a b")])
def test_rotation_run_shows_the_recorded_name(others: Others, name: str, by: str) -> None:
    del others
    api, sent = Api(), {"x_ms_client_principal": principal("superadmin", userDetails=name)}
    assert api.post("ExecKeyRotation", {"Names": ["RefreshToken"]}, role=None, **sent).status == 200
    assert api.get("ListKeyRotations").results["Runs"][0]["By"] == by


def test_callers_with_the_same_name_are_recorded_by_different_ids(others: Others) -> None:
    for user_id in ("1", "2"):
        sent = principal("superadmin", userId=user_id)
        assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    assert {json.loads(line["LogData"])["UserId"] for line in lines(others)} == {"1", "2"}


@pytest.mark.parametrize("name", ["x" * 40_000, "a\nb", "'; drop", "\x00"])
def test_write_operation_succeeds_with_any_caller_name(others: Others, name: str) -> None:
    sent = principal("superadmin", userDetails=name)
    response = Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent)
    assert response.status == 200, response.text
    assert all("\n" not in line["Username"] for line in lines(others))


def test_long_name_id_and_message_are_cut_in_the_entry(others: Others) -> None:
    sent = principal("superadmin", userDetails="n" * 40_000, userId="i" * 40_000)
    assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    services.audit.rejected("ExecFunctionAppStop", None, InvalidInputError("m" * 40_000))
    named, refused = sorted(lines(others), key=lambda line: str(line["Username"]))
    assert (named["Username"], json.loads(named["LogData"])["UserId"]) == ("n" * 256, "i" * 256)
    assert (refused["Username"], len(refused["Message"])) == ("unknown", 4_000)


def test_audit_identity_has_the_callers_name_roles_and_address() -> None:
    known = SimpleNamespace(
        name="A", role_names=("admin", "custom"), address="192.0.2.7", user_id="0f9c2b1e", is_application=False
    )
    assert who_of(cast("Any", known)) == Who("A", ("admin", "custom"), "192.0.2.7", "0f9c2b1e")
    known.is_application = True
    assert who_of(cast("Any", known)).app_id == "0f9c2b1e"
    assert who_of(None) == Who("", (), "")


def test_write_operation_with_an_invalid_body_is_recorded_as_failed(others: Others) -> None:
    response = Api().post("ExecFunctionAppStop", {"Nope": HIDDEN})
    assert response.status == 400
    (line,) = lines(others)
    assert (line["Severity"], line["Message"]) == ("Error", f"ExecFunctionAppStop: {response.results}")
    data = json.loads(line["LogData"])
    assert (data["DryRun"], data["Outcome"]) == (None, "failed")
    assert HIDDEN not in str(line)


def test_read_operation_has_no_entry(others: Others) -> None:
    assert Api().get("ListFunctionApps").status == 200
    assert lines(others) == []


def test_links_are_recorded_once_a_minute(others: Others) -> None:
    api = Api()
    for _ in range(3):
        assert api.get("ExecBackendURLs").status == 200
    wait_for(lambda: bool(lines(others)))  # the response barely waits for it
    (line,) = lines(others)
    assert (line["Severity"], line["Username"]) == ("Info", "admin@contoso.com")
    assert line["Message"] == "ExecBackendURLs: Done."


def test_entry_of_a_failure_has_its_reason_and_dry_run(others: Others) -> None:
    others.azure.faults([{"path": "/sites$", "mode": "refuse", "status": 403, "times": 0}])
    for dry_run in (False, True):
        assert Api().post("ExecFunctionAppSettings", {"Set": {"A": HIDDEN}, "DryRun": dry_run}).status == 500
    others.azure.faults([])
    assert sorted(phrases.DRY_RUN_MARK in line["Message"] for line in lines(others)) == [False, True]
    assert all("Missing:" in line["Message"] and HIDDEN not in str(line) for line in lines(others))


@pytest.mark.compares_times
@pytest.mark.parametrize("storage", ["silent", "closed", "none", "unreadable"])
def test_write_operation_succeeds_and_is_logged_when_the_logbook_is_unavailable(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, storage: str
) -> None:
    caplog.set_level("INFO")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.4")
    with silent_storage() as silent:
        closed = "AccountName=a;AccountKey=AAAA;TableEndpoint=http://127.0.0.1:9/a"
        connection = {"silent": silent, "closed": closed, "none": "", "unreadable": "AccountKey"}[storage]
        nowhere.setenv("AzureWebJobsStorage", connection)
        with within(6):
            assert Api().post("ExecFunctionAppStop").status == 200
    assert azure.state()["sites"][names.MAIN_SITE]["state"] == "Stopped"
    assert "Logbook" in caplog.text
    assert "admin@contoso.com called ExecFunctionAppStop: " in caplog.text


def test_caller_name_cannot_forge_a_log_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    forger = principal("superadmin", userDetails="me\nERROR forged")
    api.post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=forger)
    assert caplog.records
    assert not [found for found in caplog.records if "\n" in found.getMessage()]


def test_summary_of_a_rotation_counts_outcomes() -> None:
    moment = datetime.now(ZoneInfo("UTC"))
    keys = [
        KeyReport(name=str(n), kind="RefreshToken", outcome="failed" if n else "rotated", reason="") for n in range(3)
    ]
    run = Rotation(run_id="1", dry_run=False, started=moment, ended=moment, would_do=[], keys=keys, warnings=[])
    assert summary_of(run) == "2 failed, 1 rotated"
    assert summary_of([]) == "Nothing to do."
    assert "ValueError" in summary_of(ValueError(HIDDEN))
    assert HIDDEN not in summary_of(ValueError(HIDDEN))
