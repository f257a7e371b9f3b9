"""What the log stream gets: lines that a query can take apart, and of the libraries their warnings alone.

A line is one JSON object: the message and what is known beside it. Where OpenTelemetry is on, it takes what is known
beside it as the line's attributes, too.
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from backend import correlation
from backend.errors import BackendError
from backend.redaction import redact
from backend.stack import stack_of

CHATTERING: Final = (
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
OURS: Final = "cipp."
TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
logger = logging.getLogger("cipp.backend")
# What may stand beside the message, in this order; `extra` brings it.
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
    "stack",
)


class LogLine(logging.LogRecord):
    """A log line, with the correlation id of the call that it belongs to, and without credentials.

    Of an error that is logged with it, the stack is kept in place of the traceback: that would show the error's text.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - logging's own arguments
        super().__init__(*args, **kwargs)
        if found := correlation.current():
            self.correlationId = found
        if self.exc_info and self.exc_info[1]:
            self.errorStack = stack_of(self.exc_info[1])
        self.exc_info = None

    def getMessage(self) -> str:  # noqa: N802 - logging's own name
        """Return the line as JSON if it is of this app, of a call of it, or of an error, else as it is."""
        text = redact(super().getMessage())
        beside = {name: _redacted(self.__dict__[name]) for name in FIELDS if name in self.__dict__}
        if "errorStack" in self.__dict__:
            beside["stack"] = _redacted(self.errorStack)
        if not beside and not self.name.startswith(OURS):
            return text
        line = json.dumps({"message": text, **beside}, ensure_ascii=False)
        return line.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair fits in no stream


def _redacted(value: object) -> object:
    """Return a field without credentials: a caller or Azure may have written it."""
    if isinstance(value, str):
        return redact(value)
    return [_redacted(one) for one in value] if isinstance(value, list | tuple) else value


def structure_lines() -> None:
    """Make each line of this process a `LogLine`, and each of Python's warnings such a line."""
    logging.setLogRecordFactory(LogLine)
    logging.captureWarnings(capture=True)


def quiet_libraries() -> None:
    """Let the libraries log from WARNING on; the Functions host sets the root logger to INFO."""
    for name in CHATTERING:
        logging.getLogger(name).setLevel(logging.WARNING)


def trace_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Answer the id under which Application Insights keeps the call (operation_Id), where the request brings one."""
    found = TRACE_PARENT.fullmatch(headers.get("traceparent", ""))
    return {"traceId": found[1]} if found else {}


def tell_mistake(what: str, error: Exception, beside: Mapping[str, object]) -> BackendError:
    """Tell the log where this app made a mistake, and answer what the caller is told of it."""
    name = type(error).__name__
    logger.error("%s failed by a mistake of this app (%s)", what, name, extra={**beside, "stack": stack_of(error)})
    return BackendError(f"This app made a mistake ({name}); the log tells where. What was asked may have happened.")
