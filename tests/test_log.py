"""What the log stream gets: a JSON object a line, and of a mistake where it was made, never a value."""

import ast
import json
import logging
import traceback
import warnings
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from backend.backend import Backend
from backend.errors import NotFoundError
from settings.http import functions_app
from settings.log import FIELDS, LogLine, structure_lines
from settings.routes import Call, Routes
from tests.api import Api
from tests.sandbox_client import ROOT

HIDDEN = "hush-hush-8Q~"
page = ModuleType("page")
page.routes = routes = Routes()  # type: ignore[attr-defined] # a page as settings/ has them


def slip(value: str) -> None:
    """Fail with a value in a variable, in the text and in the cause's text."""
    kept = {"value": value}
    try:
        int(value)
    except ValueError as error:
        raise KeyError(kept["value"]) from error


@routes.get("ListSlips", public=True)
def slips(_call: Call) -> str:
    """Make a mistake."""
    slip(HIDDEN)
    return ""


@routes.timer("Slip", "0 0 0 1 1 *")
def slipped(_backend: Backend) -> None:
    """Make a mistake."""
    slip(HIDDEN)


@routes.timer("Refused", "0 0 0 1 1 *")
def refused(_backend: Backend) -> None:
    """Fail as Azure makes one fail."""
    try:
        slip(HIDDEN)
    except KeyError as error:
        raise NotFoundError("There is no vault.") from error


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    """The functions of that page, as the host indexes them."""
    found = functions_app(page).get_functions()
    return {str(function.get_function_name()): function.get_user_function() for function in found}


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name.startswith("cipp.")]


def test_of_a_mistake_the_log_tells_where_and_never_a_value(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, functions: dict[str, Any]
) -> None:
    del nowhere
    caplog.set_level("DEBUG")
    request = func.HttpRequest(method="GET", url="http://localhost/api/ListSlips", body=b"")
    answer = functions["ListSlips"](request)
    body = json.loads(answer.get_body())
    assert (answer.status_code, body["status"]) == (500, 500)
    assert "KeyError" in body["Results"]
    assert HIDDEN not in caplog.text + answer.get_body().decode()
    mistake, _ = told(caplog)
    assert mistake["correlationId"] == body["correlationId"] == answer.headers["x-correlation-id"]
    stack = mistake["stack"]
    assert [line for line in stack if "ValueError" in line] == ["ValueError"]
    assert stack[-1] == "KeyError"
    assert any("test_log.py" in line and line.endswith(" slip") for line in stack)
    assert all("\n" not in record.getMessage() and record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize(("name", "said"), [("Slip", "KeyError"), ("Refused", "There is no vault.")])
def test_what_a_timer_raises_tells_the_host_no_value(
    nowhere: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    functions: dict[str, Any],
    name: str,
    said: str,
) -> None:
    del nowhere
    caplog.set_level("DEBUG")
    with pytest.raises(Exception, match=said) as raised:
        functions[name](None)
    assert HIDDEN not in "".join(traceback.format_exception(raised.value)) + caplog.text
    (line,) = told(caplog)
    assert line["timer"] == name
    assert line["correlationId"]
    assert any(line.endswith(" slip") for line in line["stack"])


def test_a_line_is_json_that_tells_how_long_and_with_what_status(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    caplog.set_level("INFO")
    Api().get("PublicPing?secret=" + HIDDEN)
    (line,) = told(caplog)
    assert line["message"] == "GET http://localhost:7071/api/PublicPing: 200"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["milliseconds"] >= 0
    assert HIDDEN not in caplog.text


def test_an_acts_line_can_be_queried_by_who_and_what(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    caplog.set_level("INFO")
    Api().post("ExecTimeSettings", {"Timezone": "UTC", "DryRun": True})
    (line,) = [line for line in told(caplog) if line.get("outcome")]
    assert (line["endpoint"], line["user"], line["roles"]) == ("ExecTimeSettings", "admin@contoso.com", "superadmin")
    assert (line["dryRun"], line["outcome"]) == (True, "failed")  # without a storage


@pytest.mark.parametrize("text", ['"', "{}", "\\", "\x1b[31m", "\u2028", "\ud800", "\x00", "\u00e4"])
def test_whatever_a_message_holds_the_line_stays_one_line_of_json(caplog: pytest.LogCaptureFixture, text: str) -> None:
    caplog.set_level("INFO")
    logging.getLogger("cipp.test").info("a %s b", text, extra={"user": text})
    (record,) = caplog.records
    line = record.getMessage()
    assert json.loads(line)["message"] == f"a {text} b"
    assert json.loads(line)["user"] == text
    assert "\n" not in line
    line.encode()


LIBRARIES = (
    (
        "urllib3.connectionpool",
        "Retrying (%r) after connection broken by '%r': %s",
        ("Retry(total=1)", OSError("x"), f"/Config(RowKey='a')?sv=1&sig={HIDDEN}"),
    ),
    ("azure.core.pipeline.policies", "Request failed: %s", (f"https://u:{HIDDEN}@h.example/p?sig={HIDDEN}",)),
    ("msal", "Response: %s", ({"client_secret": HIDDEN, "assertion": f"eyJ0{HIDDEN[:-1]}.eyJ"},)),
    ("cipp.test", "Called with %s", (f"Bearer {HIDDEN}",)),
)


@pytest.mark.parametrize(("name", "text", "values"), LIBRARIES, ids=[name for name, *_ in LIBRARIES])
def test_line_of_a_library_is_kept_without_its_credentials(
    caplog: pytest.LogCaptureFixture, name: str, text: str, values: tuple[object, ...]
) -> None:
    logging.getLogger(name).warning(text, *values)
    (record,) = caplog.records
    assert text.partition("%")[0].strip() in record.getMessage()
    assert HIDDEN[:-1] not in caplog.text


@pytest.mark.parametrize("name", ["asyncio", "azure.identity", "cipp.test"])
def test_error_that_is_logged_shows_its_stack_and_not_its_text(caplog: pytest.LogCaptureFixture, name: str) -> None:
    try:
        slip(HIDDEN)
    except KeyError:
        logging.getLogger(name).exception("It failed.")
    (record,) = caplog.records
    line = json.loads(record.getMessage())
    assert line["message"] == "It failed."
    assert line["stack"][-1] == "KeyError"
    assert HIDDEN not in caplog.text


def test_fields_beside_a_line_hold_no_credential(caplog: pytest.LogCaptureFixture) -> None:
    beside = {"path": f"/x?sig={HIDDEN}", "stack": [f"KeyError: token={HIDDEN}"], "user": "admin@contoso.com"}
    logging.getLogger("cipp.test").warning("It failed.", extra=beside)
    assert HIDDEN not in caplog.text
    assert json.loads(caplog.records[0].getMessage())["user"] == "admin@contoso.com"


def test_warning_of_python_is_a_line_without_its_credentials(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        structure_lines()
        warnings.warn(f"Unverified request to https://h.example/p?sig={HIDDEN}", UserWarning, stacklevel=1)
    logging.captureWarnings(capture=False)
    assert "Unverified request to https://h.example/p" in caplog.text
    assert HIDDEN not in caplog.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"ListKeyRotations?x={HIDDEN}", "http://localhost:7071/api/ListKeyRotations"),
        ("No Such%20Thing", "http://localhost:7071/api/***"),
        ("ListBackendNotThere", "http://localhost:7071/api/ListBackendNotThere"),
        (f"x/sig={HIDDEN}", "http://localhost:7071/api/x/***"),
        (f"u:{HIDDEN}@h", "[address hidden]"),
    ],
)
def test_path_of_a_request_is_logged_without_what_may_be_a_credential(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str, shown: str
) -> None:
    del nowhere
    caplog.set_level("INFO")
    answer = Api().get(path)
    assert told(caplog)[-1]["path"] == shown
    assert HIDDEN not in caplog.text + answer.text


def test_code_of_the_product_logs_no_traceback() -> None:
    for path in (path for folder in ("backend", "settings") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"exception", "format_exc", "print_exc"}, f"{path}:{node.lineno}"
                assert not {"exc_info", "stack_info"} & {word.arg for word in node.keywords}, f"{path}:{node.lineno}"


def test_lines_of_others_outside_a_call_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("somebody").warning("said %s", 1)
    assert [record.getMessage() for record in caplog.records] == ["said 1"]


@pytest.mark.filterwarnings("ignore:`LoggingHandler`")  # its successor has the same translation, in one more package
def test_open_telemetry_gets_the_line_and_the_fields_as_attributes_beside_it(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # as it is published
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    handler = LoggingHandler(logger_provider=provider)
    logger = logging.getLogger("cipp")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        Api().get("PublicPing", x_correlation_id="mine")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    (found,) = exporter.get_finished_logs()
    assert json.loads(str(found.log_record.body))["message"] == "GET http://localhost:7071/api/PublicPing: 200"
    attributes = dict(found.log_record.attributes or {})
    assert (attributes["correlationId"], attributes["status"]) == ("mine", 200)


def test_no_field_stands_for_anything_that_logging_has_already() -> None:
    assert not set(FIELDS) & set(vars(LogLine("n", 20, "p", 1, "m", (), None)))
