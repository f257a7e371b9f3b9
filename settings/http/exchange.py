"""One request and its response, with the correlation ID and the log line. Every error becomes a response."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import azure.functions as func
import msgspec

from backend.concurrency import correlation
from backend.errors import BackendError
from backend.text.quoting import WITHHELD, is_like_a_name
from backend.text.redaction import HIDDEN_ADDRESS, public_url
from settings.audit.log_lines import log_internal_error, trace_of
from settings.http.problems import WrongMethodError, problem_of
from settings.http.raw_response import ALWAYS, RawResponse, compressed, unless_modified

logger = logging.getLogger("cipp.backend")
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
CORRELATION: Final = "x-correlation-id"
_IN_AN_ADDRESS: Final = "!#$%&'()*+,/:;=?@[]~"  # the characters that a URL may contain unescaped
Handler = Callable[[func.HttpRequest], func.HttpResponse]


def respond_to(request: func.HttpRequest, handle: Handler) -> func.HttpResponse:
    """Return the response of `handle`, and log the call. An error becomes a problem, an internal error a 500."""
    began = time.monotonic()
    with correlation.under(request.headers.get(CORRELATION)) as correlation_id:
        fields = {"method": request.method, "path": _path(request), **trace_of(request.headers)}
        detail = ""
        try:
            response = handle(request)
        except BackendError as error:
            response = _problem(error, correlation_id)
            detail = f" {_in_one_line(str(error))}"
        except Exception as error:  # noqa: BLE001 - every error must become a response
            internal_error = log_internal_error(f"{request.method} {fields['path']}", error, fields)
            response = json_response({**problem_of(internal_error), "correlationId": correlation_id}, 500, PROBLEM)
            detail = " Internal error."
        status, milliseconds = response.status_code, round((time.monotonic() - began) * 1000)
        fields |= {"status": status, "milliseconds": milliseconds}
        logger.info("%s %s: %s%s", request.method, fields["path"], status, detail, extra=fields)
        return response


def _problem(error: BackendError, correlation_id: str) -> func.HttpResponse:
    problem = {**problem_of(error), "correlationId": correlation_id}
    headers = {"Allow": error.allow} if isinstance(error, WrongMethodError) else {}
    if "retryAfterSeconds" in problem:
        headers["Retry-After"] = str(problem["retryAfterSeconds"])
    return json_response(problem, problem["status"], PROBLEM, headers)


def json_response(
    value: Any,  # noqa: ANN401 - any result type
    status: int = 200,
    mimetype: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """Return a JSON response."""
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair from a URL or a setting, which JSON can only escape
        body = json.dumps(msgspec.to_builtins(value)).encode()
    all_headers = {**_always(), **(headers or {})}
    return func.HttpResponse(body, status_code=status, mimetype=mimetype, headers=all_headers, charset="utf-8")


def raw_response(request: func.HttpRequest, raw: RawResponse) -> func.HttpResponse:
    """Return the raw response, compressed if the caller accepts it, or 304 (Not Modified) if the caller has it."""
    raw = compressed(unless_modified(raw, request.headers), request.headers)
    headers = {**_always(), "Content-Type": raw.content_type, **raw.headers}
    return func.HttpResponse(raw.content, status_code=raw.status, headers=headers)


def _always() -> dict[str, str]:
    # A response may contain a one-time secret, or a state that soon changes.
    return {**ALWAYS, "Cache-Control": "no-store", CORRELATION: correlation.current()}


def _in_one_line(text: str) -> str:
    """Return a text in one line, so that a caller can't write a log line of their own."""
    return " ".join(text.split())[:1000]


def _path(request: func.HttpRequest) -> str:
    """Return the URL without query and credentials, and without parts of the path that do not look like names."""
    address = public_url(quote(str(request.url), safe=_IN_AN_ADDRESS)) or HIDDEN_ADDRESS
    scheme, slashes, rest = address.partition("://")
    host, *parts = rest.split("/")
    readable = [part if is_like_a_name(unquote(part)) else WITHHELD for part in parts]
    return _in_one_line(f"{scheme}{slashes}{'/'.join([host, *readable])}")
