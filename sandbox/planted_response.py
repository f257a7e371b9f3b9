"""The response that a test plants, exactly as it is sent."""

import json
import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders

from sandbox.buffered_response import BufferedResponse

_FIELDS: Final = frozenset({"status", "headers", "body"})
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY: Final = frozenset({204, 304})
# The connection depends on these, so the sandbox sets them itself.
_FRAMING: Final = ("content-length", "transfer-encoding")


@dataclass(frozen=True)
class PlantedResponse:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def buffered(self) -> BufferedResponse:
        """Return it in the form in which it is sent."""
        response = BufferedResponse()
        response.status = self.status
        response.headers = MutableHeaders(self.headers)
        if self.status not in _WITHOUT_BODY:
            response.replace(self.body)
        return response


def read_planted_response(value: object) -> PlantedResponse:
    """Read the member `answer` of a fault.

    Raises:
        ValueError: The value doesn't have the form that docs/sandbox.md documents. The message names the invalid part.
    """
    if not isinstance(value, dict):
        raise ValueError("answer must be an object.")  # noqa: TRY004 - one kind of error for its reader
    if unknown := sorted(map(str, value.keys() - _FIELDS)):
        raise ValueError(f"answer has unknown fields: {', '.join(unknown)}.")
    status = value.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("answer.status must be a whole number from 200 to 599.")
    headers, body = _headers(value.get("headers")), value.get("body")
    if body is not None and not isinstance(body, str):
        headers.setdefault("content-type", "application/json")
    raw = _raw(body)
    if raw and status in _WITHOUT_BODY:
        raise ValueError(f"answer: a response with status {status} can't have a body in HTTP. Leave the body out.")
    return PlantedResponse(status, headers, raw)


def _headers(value: object) -> dict[str, str]:
    headers = {} if value is None else value
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        raise ValueError("answer.headers must be an object of texts.")
    for name, text in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise ValueError(f"answer.headers: '{name}' is not a valid HTTP header.")
    lower = {name.lower(): text.strip() for name, text in headers.items()}
    return {name: text for name, text in lower.items() if name not in _FRAMING}


def _raw(body: object) -> bytes:
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("answer.body must be text that can be encoded as UTF-8.") from error
