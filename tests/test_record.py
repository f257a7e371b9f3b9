"""Every act leaves one line in CIPP's Logbook: who, what, dry run or not, what came of it, and never a value."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

import function_app
from backend.errors import InvalidInputError
from backend.rotation.report import KeyReport, Rotation
from sandbox import names
from settings.http import backend
from settings.record import Who, record_refused, said_of, who_of
from settings.routes import Route, all_routes
from tests.api import Api, principal
from tests.host.conftest import wait_for
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox
from tests.silence import silent_storage

ACTS = [route for route in all_routes(function_app.PAGES) if route.method == "POST"]
HIDDEN = "hush-hush-8Q~"
# What each needs to get past its own checks.
BODIES: dict[str, dict[str, Any]] = {
    "ExecFunctionAppSettings": {"Set": {"A": HIDDEN}},
    "ExecTimeSettings": {"Timezone": "UTC"},
    "ExecKeyRotation": {"Names": ["RefreshToken"]},
    "ExecKeyProof": {"Names": ["RefreshToken"]},
    "ExecKeyVaultSecretSet": {"Name": "Plain", "Value": HIDDEN},
    "ExecKeyVaultSecretRestore": {"Name": "Plain", "Version": "0" * 32},
    "ExecKeyVaultSecretRecover": {"Name": "Gone"},
    "ExecStaticWebAppDomainAdd": {"Domain": "new.contosomsp.com", "Validation": "cname"},
    "ExecStaticWebAppDomainRemove": {"Domain": names.CUSTOM_DOMAIN},
    "ExecStaticWebAppUserInvite": {"UserDetails": "x@contosomsp.com", "Roles": ["editor"], "Hours": 1},
    "ExecStaticWebAppUserRoles": {"UserId": "nobody", "Provider": "aad", "Roles": ["editor"]},
    "ExecStaticWebAppUserRemove": {"UserId": "nobody", "Provider": "aad"},
}


@pytest.fixture
def others(azure: Sandbox) -> Others:
    """A CIPP with a table Config and an empty Logbook."""
    made = Others(azure)
    made.clear_tables("Config")
    made.zone("Pacific/Kiritimati")
    return made


def lines(others: Others) -> list[dict[str, Any]]:
    """The lines of the acts; the rotation leaves others beside them."""
    return [row for row in others.rows("CippLogs", record=True) if row["API"] == "Backend"]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check that what is done inside takes no longer."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("route", ACTS, ids=lambda route: route.name)
def test_every_act_leaves_one_line(others: Others, route: Route) -> None:
    api = Api()
    for dry_run in (True, False):
        before = {row["RowKey"] for row in lines(others)}
        body = BODIES.get(route.name, {}) | ({"DryRun": dry_run} if _can_be_dry(route) else {})
        answer = api.post(route.name, body)
        assert answer.status != 400, answer.text
        (line,) = [row for row in lines(others) if row["RowKey"] not in before]
        assert line["Message"].startswith(route.name)
        assert ("(dry run)" in line["Message"]) is (dry_run and _can_be_dry(route))
        assert line["Severity"] == ("Info" if answer.status == 200 else "Error")
        assert line["Username"] == "admin@contoso.com"
        assert json.loads(line["LogData"]) == {
            "Endpoint": route.name,
            "UserId": "5a1d0b0c",
            "Role": "superadmin",
            "Address": None,
            "DryRun": dry_run and _can_be_dry(route),
            "Outcome": "done" if answer.status == 200 else "failed",
            "CorrelationId": answer.headers["x-correlation-id"],
        }
        assert line["Message"].partition(": ")[2]
        if answer.status != 200:
            assert answer.results[:200] in line["Message"]
        assert HIDDEN not in str(line)
        assert "invitations.azurestaticapps" not in str(line).lower()
        secret = (
            answer.results.get("InvitationUrl") if answer.status == 200 and isinstance(answer.results, dict) else None
        )
        assert not secret or secret not in str(line)


def _can_be_dry(route: Route) -> bool:
    return route.body is not None and "dry_run" in route.body.__struct_fields__


def test_the_line_has_the_shape_that_cipps_pages_read(others: Others) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    began = datetime.now(zone)  # this machine's time: the log is written where Azure may be unreachable
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
def test_who_has_no_name_is_told_by_id_and_never_as_cipp(others: Others, fields: dict[str, str], name: str) -> None:
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
def test_a_name_is_told_in_letters_that_show(others: Others, name: str, shown: str) -> None:
    sent = principal("superadmin", userDetails=name)
    assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    assert lines(others)[0]["Username"] == shown


@pytest.mark.parametrize(("name", "by"), [("", "5a1d0b0c"), ("a\nb", "a b")])
def test_a_run_is_told_by_the_same_name(others: Others, name: str, by: str) -> None:
    del others
    api, sent = Api(), {"x_ms_client_principal": principal("superadmin", userDetails=name)}
    assert api.post("ExecKeyRotation", {"Names": ["RefreshToken"]}, role=None, **sent).status == 200
    assert api.get("ListKeyRotations").results["Runs"][0]["By"] == by


def test_who_takes_another_ones_name_is_told_by_their_own_id(others: Others) -> None:
    for user_id in ("1", "2"):
        sent = principal("superadmin", userId=user_id)
        assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    assert {json.loads(line["LogData"])["UserId"] for line in lines(others)} == {"1", "2"}


@pytest.mark.parametrize("name", ["x" * 40_000, "a\nb", "'; drop", "\x00"])
def test_whatever_a_caller_is_called_the_act_goes_on(others: Others, name: str) -> None:
    sent = principal("superadmin", userDetails=name)
    answer = Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent)
    assert answer.status == 200, answer.text
    assert all("\n" not in line["Username"] for line in lines(others))


def test_an_entry_is_written_with_a_long_name_id_and_message_cut(others: Others) -> None:
    sent = principal("superadmin", userDetails="n" * 40_000, userId="i" * 40_000)
    assert Api().post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=sent).status == 200
    record_refused(backend(), "ExecFunctionAppStop", None, InvalidInputError("m" * 40_000))
    named, refused = sorted(lines(others), key=lambda line: str(line["Username"]))
    assert (named["Username"], json.loads(named["LogData"])["UserId"]) == ("n" * 256, "i" * 256)
    assert (refused["Username"], len(refused["Message"])) == ("unknown", 4_000)


def test_who_called_is_told_by_name_roles_and_address() -> None:
    known = SimpleNamespace(
        name="A", role_names=("admin", "custom"), address="192.0.2.7", user_id="0f9c2b1e", is_application=False
    )
    assert who_of(cast("Any", known)) == Who("A", ("admin", "custom"), "192.0.2.7", "0f9c2b1e")
    known.is_application = True
    assert who_of(cast("Any", known)).app_id == "0f9c2b1e"
    assert who_of(None) == Who("", (), "")


def test_an_act_whose_body_cannot_be_used_is_an_act_that_failed(others: Others) -> None:
    answer = Api().post("ExecFunctionAppStop", {"Nope": HIDDEN})
    assert answer.status == 400
    (line,) = lines(others)
    assert (line["Severity"], line["Message"]) == ("Error", f"ExecFunctionAppStop: {answer.results}")
    told = json.loads(line["LogData"])
    assert (told["DryRun"], told["Outcome"]) == (None, "failed")
    assert HIDDEN not in str(line)


def test_a_list_leaves_no_line(others: Others) -> None:
    assert Api().get("ListFunctionApps").status == 200
    assert lines(others) == []


def test_whoever_looks_at_the_links_leaves_one_line_a_minute(others: Others) -> None:
    api = Api()
    for _ in range(3):
        assert api.get("ExecBackendURLs").status == 200
    wait_for(lambda: bool(lines(others)))  # the answer is hardly held up for it
    (line,) = lines(others)
    assert (line["Severity"], line["Username"]) == ("Info", "admin@contoso.com")
    assert line["Message"] == "ExecBackendURLs: Done."


def test_a_failure_is_a_line_that_says_why_and_whether_it_was_a_dry_run(others: Others) -> None:
    others.azure.faults([{"path": "/sites$", "mode": "refuse", "status": 403, "times": 0}])
    for dry_run in (False, True):
        assert Api().post("ExecFunctionAppSettings", {"Set": {"A": HIDDEN}, "DryRun": dry_run}).status == 500
    others.azure.faults([])
    assert sorted("(dry run)" in line["Message"] for line in lines(others)) == [False, True]
    assert all("Missing:" in line["Message"] and HIDDEN not in str(line) for line in lines(others))


@pytest.mark.parametrize("storage", ["silent", "closed", "none", "unreadable"])
def test_where_the_table_cannot_be_written_the_act_goes_on_and_the_log_says_so(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, storage: str
) -> None:
    caplog.set_level("INFO")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.4")
    with silent_storage() as silent:
        closed = "AccountName=a;AccountKey=AAAA;TableEndpoint=http://127.0.0.1:9/a"
        told = {"silent": silent, "closed": closed, "none": "", "unreadable": "AccountKey"}[storage]
        nowhere.setenv("AzureWebJobsStorage", told)
        with within(6):
            assert Api().post("ExecFunctionAppStop").status == 200
    assert azure.state()["sites"][names.MAIN_SITE]["state"] == "Stopped"
    assert "Logbook" in caplog.text
    assert "admin@contoso.com called ExecFunctionAppStop: " in caplog.text


def test_a_caller_cannot_write_a_line_of_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    forger = principal("superadmin", userDetails="me\nERROR forged")
    api.post("ExecFunctionAppStop", {"DryRun": True}, role=None, x_ms_client_principal=forger)
    assert caplog.records
    assert not [found for found in caplog.records if "\n" in found.getMessage()]


def test_what_came_of_a_rotation_is_counted() -> None:
    moment = datetime.now(ZoneInfo("UTC"))
    keys = [
        KeyReport(name=str(n), kind="RefreshToken", outcome="failed" if n else "rotated", reason="") for n in range(3)
    ]
    run = Rotation(run_id="1", dry_run=False, started=moment, ended=moment, would_do=[], keys=keys, warnings=[])
    assert said_of(run) == "2 failed, 1 rotated"
    assert said_of([]) == "Nothing to do."
    assert said_of(ValueError(HIDDEN)) == "This app made a mistake (ValueError); what was asked may have happened."
