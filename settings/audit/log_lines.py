"""The format of the log stream: structured lines of this app, and only warnings of the libraries.

A line is one JSON object with the message and the fields in `FIELDS`. If OpenTelemetry is on, it also sends the fields
as attributes of the line.
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from backend.concurrency import correlation
from backend.internal_errors import InternalError, stack_of
from backend.text.redaction import redact

NOISY_LIBRARIES: Final = (
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.keyvault",
    "azure.mgmt",
    "h2",
    "hpack",
    "httpcore",
    "httpx",
    "msal",
    "urllib3",
)
OWN: Final = "cipp."
TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
logger = logging.getLogger("cipp.backend")
# The fields that a line may have after its message, in this order. They are passed as `extra`.
FIELDS: Final = (
    "correlationId",
    "traceId",
    "method",
    "path",
    "status",
    "milliseconds",
    "endpoint",
    "user",
    "roles",
    "address",
    "dryRun",
    "outcome",
    "timer",
    "event",
    "worksUntil",
    "daysLeft",
    "daysAtMost",
    "state",
    "stack",
)


class LogLine(logging.LogRecord):
    """A log line with the correlation ID of its call, and without credentials.

    A logged error's traceback is replaced by its stack, because a traceback shows the error's text.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - logging's own arguments
        super().__init__(*args, **kwargs)
        if found := correlation.current():
            self.correlationId = found
        if self.exc_info and self.exc_info[1]:
            self.errorStack = stack_of(self.exc_info[1])
        self.exc_info = None

    def getMessage(self) -> str:  # noqa: N802 - logging's own name
        """Return the line as JSON if this app logged it or it has fields. Other lines keep their format."""
        text = redact(super().getMessage())
        fields = {name: _redacted(self.__dict__[name]) for name in FIELDS if name in self.__dict__}
        if "errorStack" in self.__dict__:
            fields["stack"] = _redacted(self.errorStack)
        if not fields and not self.name.startswith(OWN):
            return text
        line = json.dumps({"message": text, **fields}, ensure_ascii=False)
        return line.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair can't be encoded


def _redacted(value: object) -> object:
    """Return a field's value without credentials, because it may come from a caller or Azure."""
    if isinstance(value, str):
        return redact(value)
    return [_redacted(one) for one in value] if isinstance(value, list | tuple) else value


def structure_lines() -> None:
    """Make each log line of this process a `LogLine`, and log Python's warnings."""
    logging.setLogRecordFactory(LogLine)
    logging.captureWarnings(capture=True)


def quiet_libraries() -> None:
    """Limit the libraries' logs to WARNING, because the Functions host sets the root logger to INFO."""
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def trace_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the ID under which Application Insights stores the call (operation_Id), if the request has one."""
    found = TRACE_PARENT.fullmatch(headers.get("traceparent", ""))
    return {"traceId": found[1]} if found else {}


def log_internal_error(what: str, error: Exception, fields: Mapping[str, object]) -> InternalError:
    """Log an internal error with its stack, and return the error for the caller. `what` names the failed call."""
    name = type(error).__name__
    logger.error("%s failed: internal error (%s).", what, name, extra={**fields, "stack": stack_of(error)})
    return InternalError(
        f"An internal error occurred in this app ({name}). The request may have taken effect.",
        advice="Check its effect before you retry. The app's log shows where the error occurred.",
    )
