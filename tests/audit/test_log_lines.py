"""The log stream: a JSON object per line, and the stack of an internal error, without values."""

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

from backend.errors import NotFoundError
from backend.services import Services
from backend.text.redaction import HIDDEN_ADDRESS
from settings.audit.log_lines import FIELDS, LogLine, structure_lines
from settings.http.app import functions_app
from settings.http.routes import Call, Routes
from tests.support.api import Api
from tests.support.sandbox_client import ROOT

HIDDEN = "hush-hush-8Q~"
page = ModuleType("page")
page.routes = routes = Routes()  # type: ignore[attr-defined] # like a page in settings/


def slip(value: str) -> None:
    """Fail with a value in a variable, in the text and in the cause's text."""
    kept = {"value": value}
    try:
        int(value)
    except ValueError as error:
        raise KeyError(kept["value"]) from error


@routes.get("ListSlips", public=True)
def slips(_call: Call) -> str:
    """Fail with an internal error."""
    slip(HIDDEN)
    return ""


@routes.timer("Slip", "0 0 0 1 1 *")
def slipped(_services: Services) -> None:
    """Fail with an internal error."""
    slip(HIDDEN)


@routes.timer("Refused", "0 0 0 1 1 *")
def refused(_services: Services) -> None:
    """Fail with an error of Azure."""
    try:
        slip(HIDDEN)
    except KeyError as error:
        raise NotFoundError("The vault does not exist.") from error


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    """The functions of the page, as the host indexes them."""
    found = functions_app(page).get_functions()
    return {str(function.get_function_name()): function.get_user_function() for function in found}


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name.startswith("cipp.")]


def test_internal_error_is_logged_with_its_stack_and_without_values(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, functions: dict[str, Any]
) -> None:
    del nowhere
    caplog.set_level("DEBUG")
    request = func.HttpRequest(method="GET", url="http://localhost/api/ListSlips", body=b"")
    response = functions["ListSlips"](request)
    body = json.loads(response.get_body())
    assert (response.status_code, body["status"]) == (500, 500)
    assert "KeyError" in body["Results"]
    assert HIDDEN not in caplog.text + response.get_body().decode()
    logged, _ = lines(caplog)
    assert logged["correlationId"] == body["correlationId"] == response.headers["x-correlation-id"]
    stack = logged["stack"]
    assert [line for line in stack if "ValueError" in line] == ["ValueError"]
    assert stack[-1] == "KeyError"
    assert any("test_log_lines.py" in line and line.endswith(" slip") for line in stack)
    assert all("\n" not in record.getMessage() and record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize(("name", "message"), [("Slip", "KeyError"), ("Refused", "The vault does not exist.")])
def test_timer_error_reaches_the_host_without_values(
    nowhere: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    functions: dict[str, Any],
    name: str,
    message: str,
) -> None:
    del nowhere
    caplog.set_level("DEBUG")
    with pytest.raises(Exception, match=message) as raised:
        functions[name](None)
    assert HIDDEN not in "".join(traceback.format_exception(raised.value)) + caplog.text
    (line,) = lines(caplog)
    assert line["timer"] == name
    assert line["correlationId"]
    assert any(line.endswith(" slip") for line in line["stack"])


def test_line_of_a_call_is_json_with_status_and_duration(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    caplog.set_level("INFO")
    Api().get("PublicPing?secret=" + HIDDEN)
    (line,) = lines(caplog)
    assert line["message"] == "GET http://localhost:7071/api/PublicPing: 200"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["milliseconds"] >= 0
    assert HIDDEN not in caplog.text


def test_line_of_a_write_operation_has_user_and_outcome(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    caplog.set_level("INFO")
    Api().post("ExecTimeSettings", {"Timezone": "UTC", "DryRun": True})
    (line,) = [line for line in lines(caplog) if line.get("outcome")]
    assert (line["endpoint"], line["user"], line["roles"]) == ("ExecTimeSettings", "admin@contoso.com", "superadmin")
    assert (line["dryRun"], line["outcome"]) == (True, "failed")  # without a storage account


@pytest.mark.parametrize("text", ['"', "{}", "\\", "\x1b[31m", "\u2028", "\ud800", "\x00", "\u00e4"])
def test_line_stays_one_line_of_json_with_any_message(caplog: pytest.LogCaptureFixture, text: str) -> None:
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
def test_line_of_a_library_is_logged_without_credentials(
    caplog: pytest.LogCaptureFixture, name: str, text: str, values: tuple[object, ...]
) -> None:
    logging.getLogger(name).warning(text, *values)
    (record,) = caplog.records
    assert text.partition("%")[0].strip() in record.getMessage()
    assert HIDDEN[:-1] not in caplog.text


@pytest.mark.parametrize("name", ["asyncio", "azure.identity", "cipp.test"])
def test_logged_error_shows_its_stack_and_not_its_text(caplog: pytest.LogCaptureFixture, name: str) -> None:
    try:
        slip(HIDDEN)
    except KeyError:
        logging.getLogger(name).exception("It failed.")
    (record,) = caplog.records
    line = json.loads(record.getMessage())
    assert line["message"] == "It failed."
    assert line["stack"][-1] == "KeyError"
    assert HIDDEN not in caplog.text


def test_fields_of_a_line_contain_no_credential(caplog: pytest.LogCaptureFixture) -> None:
    beside = {"path": f"/x?sig={HIDDEN}", "stack": [f"KeyError: token={HIDDEN}"], "user": "admin@contoso.com"}
    logging.getLogger("cipp.test").warning("It failed.", extra=beside)
    assert HIDDEN not in caplog.text
    assert json.loads(caplog.records[0].getMessage())["user"] == "admin@contoso.com"


def test_python_warning_is_logged_without_credentials(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        structure_lines()
        warnings.warn(f"Unverified request to https://h.example/p?sig={HIDDEN}", UserWarning, stacklevel=1)
    logging.captureWarnings(capture=False)
    assert " https://h.example/p" in caplog.text
    assert HIDDEN not in caplog.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"ListKeyRotations?x={HIDDEN}", "http://localhost:7071/api/ListKeyRotations"),
        ("No Such%20Thing", "http://localhost:7071/api/***"),
        ("ListBackendNotThere", "http://localhost:7071/api/ListBackendNotThere"),
        (f"x/sig={HIDDEN}", "http://localhost:7071/api/x/***"),
        (f"u:{HIDDEN}@h", HIDDEN_ADDRESS),
    ],
)
def test_path_of_a_request_is_logged_without_possible_credentials(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str, shown: str
) -> None:
    del nowhere
    caplog.set_level("INFO")
    response = Api().get(path)
    assert lines(caplog)[-1]["path"] == shown
    assert HIDDEN not in caplog.text + response.text


def test_product_code_logs_no_traceback() -> None:
    for path in (path for folder in ("backend", "settings") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"exception", "format_exc", "print_exc"}, f"{path}:{node.lineno}"
                assert not {"exc_info", "stack_info"} & {word.arg for word in node.keywords}, f"{path}:{node.lineno}"


def test_lines_of_libraries_outside_a_call_are_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("library").warning("sent %s", 1)
    assert [record.getMessage() for record in caplog.records] == ["sent 1"]


@pytest.mark.filterwarnings("ignore:`LoggingHandler`")  # its successor has the same translation, in one more package
def test_open_telemetry_gets_the_fields_as_attributes(nowhere: pytest.MonkeyPatch) -> None:
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


def test_fields_do_not_collide_with_those_of_logging() -> None:
    assert not set(FIELDS) & set(vars(LogLine("n", 20, "p", 1, "m", (), None)))
