"""How long Azure wants to be left alone: one reading of it, and no wait that does not fit."""

import email.utils
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from requests.structures import CaseInsensitiveDict

from backend.azure.errors.retry_after import seconds_to_wait
from backend.errors import AzureRefusedError
from sandbox import names
from tests.support.api import Api
from tests.support.graph_as_sam_app import graph_of
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

NOW = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
IN_A_MINUTE = "Wed, 21 Oct 2026 07:29:00 GMT"
SOON_SECONDS = 6.0
GRAPH = "graph.microsoft.com"
ENTRA = "login.microsoftonline.com"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"RETRY-AFTER": " 30 "}, 30),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "604800"}, 604_800),
        ({"Retry-After": "30,120"}, 120),
        ({"Retry-After": "120, 30"}, 120),
        ({"Retry-After": "soon, 7"}, 7),
        ({"Retry-After": IN_A_MINUTE, **NOW}, 60),
        ({"Retry-After": "Wednesday, 21-Oct-26 07:29:00 GMT", **NOW}, 60),
        ({"Retry-After": "Wed Oct 21 07:29:00 2026", **NOW}, 60),
        ({"Retry-After": "Wed, 21 Oct 2026 09:29:00 +0200", **NOW}, 60),
        ({"Retry-After": f"5, {IN_A_MINUTE}", **NOW}, 60),
        ({"Retry-After": f"{IN_A_MINUTE}, 90", **NOW}, 90),
        ({"Retry-After": "2026-10-21T07:29:00Z", **NOW}, 60),
        ({"Retry-After": '"2026-10-21T07:29:00Z"', **NOW}, 60),
        ({"Retry-After": b"30"}, 30),
        ({"Retry-After": ["30", b"x"]}, 30),
        ({"Retry-After": {"30"}}, 30),
        ({"Retry-After": 30}, 30),
        ({"Retry-After": object()}, 0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "90000"}, 90),
        ({"x-ms-retry-after-ms": "90000,120000", "Retry-After": "3"}, 120),
        ({"Retry-After": "5", "retry-after-ms": "4500"}, 5),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": ""}, 0),
        ({"Retry-After": "1 minute"}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "inf"}, 0),
        ({"Retry-After": "1e9"}, 0),
        ({"Retry-After": "\u0663\u0660"}, 0),
        ({"Retry-After": "9" * 400}, 0),
        ({"Retry-After": "Wed, 99 Oct 2026 77:29:00 GMT", **NOW}, 0),
        ({"Retry-After": "Wed, 21 Oct 2020 07:29:00 GMT", **NOW}, 0),
        ({"Retry-After": IN_A_MINUTE, "Date": "yesterday"}, None),
        ({"retry-after-ms": "soon"}, 0),
        ({}, 0),
        (None, 0),
        (CaseInsensitiveDict({"Retry-After": "8"}), 8),
        (httpx.Headers([("Retry-After", "3"), ("retry-after", "9")]), 9),
    ],
)
def test_retry_after_is_read_in_every_form_of_it(headers: Mapping[str, object] | None, seconds: float | None) -> None:
    assert seconds is None or seconds_to_wait(headers) == seconds
    assert seconds_to_wait(headers) >= 0


def test_date_without_a_date_of_the_response_is_compared_with_this_machine() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    assert 95 < seconds_to_wait({"Retry-After": email.utils.format_datetime(moment, usegmt=True)}) <= 100


def busy(status: int, headers: Mapping[str, str]) -> dict[str, object]:
    body = {"error": {"code": "TooManyRequests", "message": "Too many."}}
    return {"times": 0, "answer": {"status": status, "headers": dict(headers), "body": body}}


# Headers, and the seconds that are shown. The date is an hour after the response's own.
LONG: list[tuple[dict[str, str], int]] = [
    ({"Retry-After": "3600"}, 3600),
    ({"Retry-After": "2,120"}, 120),
    ({"Retry-After": "Wed, 21 Oct 2026 08:28:00 GMT", **NOW}, 3600),
    ({"retry-after-ms": "90000"}, 90),
    ({"x-ms-retry-after-ms": "45500"}, 46),
]
CALLS = [
    ("ListFunctionApps", None, {"host": "management.azure.com", "path": "/sites$"}),
    ("ExecFunctionAppRestart", {}, {"host": "management.azure.com", "path": "/restart$"}),
    ("ListKeyVaultSecrets", None, {"host": "*.vault.azure.net"}),
    ("ExecKeyVaultSecretSet", {"Name": "Extra", "Value": "1"}, {"host": "*.vault.azure.net", "method": "PUT"}),
    ("ExecTimeSettings", {"Timezone": "UTC"}, {"host": "127.0.0.1", "path": "/devstoreaccount1/Config"}),
]


@pytest.mark.compares_times
@pytest.mark.parametrize(("headers", "seconds"), LONG, ids=str)
@pytest.mark.parametrize(("name", "body", "where"), CALLS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("status", [429, 503])
def test_wait_that_does_not_fit_is_reported_and_not_begun(  # noqa: PLR0913, PLR0917 - each is a case
    azure: Sandbox,
    status: int,
    name: str,
    body: dict[str, object] | None,
    where: dict[str, object],
    headers: dict[str, str],
    seconds: int,
) -> None:
    azure.faults([{**where, **busy(status, headers)}])
    began = time.monotonic()
    answer = Api().get(name) if body is None else Api().post(name, body)
    assert time.monotonic() - began < SOON_SECONDS
    assert (answer.status, answer.body["azureStatus"]) == (500, status), answer.text
    assert f"after {seconds} seconds" in answer.results
    assert answer.body["retryAfterSeconds"] == seconds
    assert answer.headers["Retry-After"] == str(seconds)


@pytest.mark.compares_times
@pytest.mark.parametrize(("headers", "seconds"), LONG, ids=str)
@pytest.mark.parametrize("status", [429, 503, 504])
def test_wait_of_graph_that_does_not_fit_is_reported_and_not_begun(
    azure: Sandbox, status: int, headers: dict[str, str], seconds: int
) -> None:
    graph = graph_of(Others(azure))
    azure.faults([{"host": GRAPH, **busy(status, headers)}])
    began = time.monotonic()
    with pytest.raises(AzureRefusedError) as refused:
        graph.read("read the organization", "organization")
    assert time.monotonic() - began < SOON_SECONDS
    assert (refused.value.status, refused.value.code) == (status, "TooManyRequests")
    assert f"after {seconds} seconds" in str(refused.value)
    assert seconds - 1 < refused.value.retry_after <= seconds


@pytest.mark.compares_times
def test_short_wait_of_graph_is_waited_for(azure: Sandbox) -> None:
    graph = graph_of(Others(azure))
    azure.faults([{"host": GRAPH, **busy(429, {"Retry-After": "2"}), "times": 1}])
    began = time.monotonic()
    assert graph.read("read the organization", "organization")["value"]
    assert 2 <= time.monotonic() - began < 2 + SOON_SECONDS


@pytest.mark.parametrize("status", [429, 503])
def test_graph_that_names_no_wait_is_called_again_and_then_reported(azure: Sandbox, status: int) -> None:
    graph = graph_of(Others(azure))
    azure.faults([{"host": GRAPH, **busy(status, {}), "times": 2}])
    assert graph.read("read the organization", "organization")["value"]
    azure.faults([{"host": GRAPH, **busy(status, {})}])
    with pytest.raises(AzureRefusedError, match="60 seconds") as refused:
        graph.read("read the organization", "organization")
    assert refused.value.retry_after == 0


def test_write_to_graph_is_not_repeated(azure: Sandbox) -> None:
    graph = graph_of(Others(azure))
    azure.faults([{"host": GRAPH, **busy(429, {"Retry-After": "1"})}])
    with pytest.raises(AzureRefusedError, match="after 1 seconds"):
        graph.write("change the app", "PATCH", f"applications/{names.SAM_OBJECT_ID}", {})
    assert len(azure.calls(GRAPH)) == 1


@pytest.mark.compares_times
@pytest.mark.parametrize(("headers", "seconds"), LONG, ids=str)
@pytest.mark.parametrize("status", [429, 503])
def test_wait_of_entra_that_does_not_fit_is_reported_and_not_begun(
    azure: Sandbox, status: int, headers: dict[str, str], seconds: int
) -> None:
    azure.faults([{"host": ENTRA, "method": "POST", **busy(status, headers)}])
    began = time.monotonic()
    answer = Api().post("ExecKeyVaultSecretSet", {"Name": "ApplicationSecret", "Value": "x~1"})
    assert time.monotonic() - began < SOON_SECONDS
    assert answer.status == 500
    assert f"after {seconds} seconds" in answer.results
    assert answer.body["retryAfterSeconds"] == seconds


def test_entra_that_names_no_wait_is_busy(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    azure.faults([{"host": ENTRA, "method": "POST", "mode": "refuse", "status": 429, "times": 0}])
    answer = Api().post("ExecKeyVaultSecretSet", {"Name": "ApplicationSecret", "Value": "x~1"})
    assert answer.status == 500
    assert "AADSTS90033" in answer.results
    assert "60 seconds" in answer.results


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", [None, "soon", "-1"])
def test_azure_that_names_no_wait_is_called_again_and_then_reported(
    azure: Sandbox, status: int, value: str | None
) -> None:
    headers = {} if value is None else {"Retry-After": value}
    azure.faults([{"host": "management.azure.com", "path": "/sites$", **busy(status, headers)}])
    answer = Api().get("ListFunctionApps")
    assert (answer.status, answer.body["azureStatus"]) == (500, status)
    assert "60 seconds" in answer.results
    assert "retryAfterSeconds" not in answer.body
    assert "Retry-After" not in answer.headers
    assert len([call for call in azure.calls("management.azure.com") if call["path"].endswith("/sites")]) > 1


@pytest.mark.parametrize("value", ["soon", "-1", "0 s"])
def test_refusal_with_an_empty_wait_header_is_not_retried(azure: Sandbox, value: str) -> None:
    azure.faults(
        [{"host": "management.azure.com", "path": "/sites$", "mode": "refuse", "status": 403, "retry_after": value}
         | {"times": 0}]
    )  # fmt: skip
    assert Api().get("ListFunctionApps").status == 500
    assert len([call for call in azure.calls("management.azure.com") if call["path"].endswith("/sites")]) == 1
