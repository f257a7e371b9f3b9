"""One correlation ID in a whole call: the request, the response, the error, all log entries and the Logbook."""

import json
import re
import threading
from uuid import UUID

import pytest

from backend.concurrency import background, correlation
from tests.support.api import Api, functions
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

IMPLAUSIBLE = ["", " ", "a b", "a\nb", "x" * 65, "<script>", "a,b", "a/b", "\u00e4", "{1}", "%00", "a:b"]
PLAUSIBLE = ["1", "a.b_c-D", "x" * 64, "8B1F6A2E-3c47-4d59-9e0b-5a7c1d2f4e68"]


def entries_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Return the lines of the log, as a query reads them."""
    return [json.loads(record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("given", PLAUSIBLE)
def test_a_callers_own_id_is_taken_over(nowhere: pytest.MonkeyPatch, given: str) -> None:
    del nowhere
    assert Api().get("PublicPing", x_correlation_id=given).headers["x-correlation-id"] == given


@pytest.mark.parametrize("given", IMPLAUSIBLE)
def test_implausible_correlation_id_is_replaced(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    del nowhere
    caplog.set_level("INFO")
    answer = Api().get("PublicPing", x_correlation_id=given)
    assert UUID(answer.headers["x-correlation-id"]).version == 4
    assert [line["correlationId"] for line in entries_of(caplog)] == [answer.headers["x-correlation-id"]]


def test_each_call_has_an_id_of_its_own(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    api = Api()
    assert len({api.get("PublicPing").headers["x-correlation-id"] for _ in range(5)}) == 5
    assert correlation.current() == ""


@pytest.mark.parametrize(
    ("method", "name", "role", "status"),
    [
        ("GET", "me", None, 401),
        ("GET", "ListFunctionApps", "readonly", 403),
        ("GET", "Nope", "readonly", 404),
        ("PUT", "PublicPing", None, 405),
        ("POST", "ExecKeyRotation", "superadmin", 400),
        ("GET", "ListFunctionApps", "superadmin", 500),
    ],
)
@pytest.mark.usefixtures("nowhere")
def test_error_has_the_same_correlation_id_as_its_log_entry(
    caplog: pytest.LogCaptureFixture, method: str, name: str, role: str | None, status: int
) -> None:
    caplog.set_level("INFO", logger="cipp")
    answer = Api().call(method, name, role=role, headers={"X-Correlation-Id": "mine"})
    assert answer.status == status
    assert answer.body["correlationId"] == answer.headers["x-correlation-id"] == "mine"
    assert {line["correlationId"] for line in entries_of(caplog)} == {"mine"}
    (line,) = [line for line in entries_of(caplog) if line.get("status")]
    assert (line["status"], line["method"], line["path"]) == (status, method, f"http://localhost:7071/api/{name}")


def test_rotation_logs_its_correlation_id_in_every_thread(
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="cipp")
    for name in ("azure", "urllib3", "msal"):
        caplog.set_level("DEBUG", logger=name)
    answer = api.post("ExecKeyRotation", {"Force": True}, x_correlation_id="run-1")
    assert answer.status == 200
    lines = [record for record in caplog.records if record.name != "asyncio"]
    assert len({record.threadName for record in lines}) > 3
    without = [record for record in lines if getattr(record, "correlationId", "") != "run-1"]
    assert [(record.name, record.getMessage()) for record in without] == []
    rows = [row for row in Others(azure).rows("CippLogs", record=True) if row["API"] == "Backend"]
    assert "run-1" in {json.loads(row["LogData"])["CorrelationId"] for row in rows}


def test_a_timer_has_an_id_of_its_own(api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    del api
    caplog.set_level("INFO", logger="cipp")
    for _ in range(2):
        functions()["keyrotationcatchup"].get_user_function()(None)
    ids = [line["correlationId"] for line in entries_of(caplog) if line.get("timer") == "KeyRotationCatchUp"]
    assert len(ids) == len(set(ids)) == 2
    assert all(UUID(str(found)).version == 4 for found in ids)
    assert azure.calls()


def test_threads_keep_the_correlation_id_of_their_caller() -> None:
    seen: list[str] = []
    both = threading.Barrier(2)
    with correlation.under("outer"):

        def look() -> None:
            both.wait()
            seen.append(correlation.current())

        work = correlation.inherited(look)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["outer", "outer"]
    with correlation.under("other"):
        assert background.start(correlation.current, name="test").result() == "other"


def test_log_line_also_has_the_trace_id_of_application_insights(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    caplog.set_level("INFO")
    api = Api()
    api.get("PublicPing", traceparent=f"00-{'a1' * 16}-{'b2' * 8}-01")
    api.get("PublicPing", traceparent="00-nonsense-01")
    first, second = entries_of(caplog)
    assert first["traceId"] == "a1" * 16
    assert "traceId" not in second
    assert re.fullmatch(r"[0-9a-f-]{36}", str(second["correlationId"]))


def test_azures_activity_log_gets_the_id_and_each_request_keeps_its_own(api: Api, azure: Sandbox) -> None:
    given = "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68"
    assert api.get("ListFunctionApps", x_correlation_id=given).status == 200
    assert api.post("ExecFunctionAppStop", x_correlation_id=given).status == 200
    calls = azure.calls("management.azure.com")
    assert len(calls) > 2
    sent = {call["request_headers"].get("x-ms-correlation-request-id") for call in calls}
    assert sent == {given}
    assert len({call["request_headers"]["x-ms-client-request-id"] for call in calls}) == len(calls)
    others = [call for call in azure.calls() if call not in calls]
    assert not [call for call in others if "x-ms-correlation-request-id" in call["request_headers"]]


def test_an_id_that_azure_would_not_take_is_not_sent_to_it(api: Api, azure: Sandbox) -> None:
    assert api.get("ListFunctionApps", x_correlation_id="mine").status == 200
    calls = azure.calls("management.azure.com")
    assert calls
    assert not [call for call in calls if "x-ms-correlation-request-id" in call["request_headers"]]
