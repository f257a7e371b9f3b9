"""The body of an Azure error response: its codes, its message, and the policy that it names. Pure.

The shapes are from recorded responses:

- ARM and Key Vault: {"error": {...}}
- App Service: {"Code", "Message", "Details", "Innererror"}
- static web apps: {"Message"}
- table storage: {"odata.error": {...}} or XML
- a gateway or a stopped app: HTML

Nested errors in `details`, `innererror` and `additionalInfo` are read as well, and so is an envelope that is a text in
the message of another envelope.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from backend.azure.errors.entra_errors import code_of, description_of, meaning_of
from backend.text.redaction import redact

DEEPEST: Final = 8  # of nested errors
MOST: Final = 100  # of the errors in one body
LONGEST_NAME: Final = 200
_POLICY: Final = r'"policyAssignment"\s*:\s*\{\s*"name"\s*:\s*"(?P<name>[^"]+)"(?:\s*,\s*"id"\s*:\s*"(?P<id>[^"]+)")?'
_STOPPED: Final = r"web app is stopped|site disabled"
_BLOCKED: Final = r"has blocked your access|ip forbidden"


@dataclass(frozen=True)
class ErrorBody:
    """The content of an error response. `codes` are all of its codes, the outermost first, in lower case.

    `code` is the one to show: the outermost, and after a slash the most specific one. `page` is what an HTML page of
    App Service means, "" for any other body.
    """

    code: str = ""
    message: str = ""
    codes: tuple[str, ...] = ()
    policy: str = ""
    page: str = ""


def read_error_body(body: str) -> ErrorBody:
    """Return the content of a body. All fields are empty if the body has no envelope."""
    if body.lstrip().startswith("<"):
        code, message = _in_xml(body, "code"), _in_xml(body, "message").partition("\n")[0]
        return ErrorBody(code, message, (code.lower(),) if code else (), page="" if code else _meaning_of_page(body))
    parsed = _json(body)
    if parsed is None:
        return ErrorBody()
    inner = parsed.get("error", parsed.get("odata.error", parsed))
    if isinstance(inner, str):  # Entra
        return ErrorBody(inner, _meaning(description_of(parsed)), (inner.lower(),))
    return of_error(inner) if isinstance(inner, dict) else ErrorBody()


def of_error(error: Mapping[str, Any]) -> ErrorBody:
    """Return the content of an envelope's error. Names are case-insensitive."""
    levels = list(islice(_levels(error, 0), MOST))
    codes = [code for level in levels for name in ("code", "extendedcode") if (code := _code(level, name))]
    outer_code = _code(levels[0])
    more = _inner_code(levels[0]) or next((code for code in reversed(codes) if not code.isdigit()), "")
    message = _message(levels[0])
    if _json(message):  # an envelope in the message of another: only its own message counts
        message = next((text for level in levels[1:] if (text := _message(level))), "")
    return ErrorBody(
        code=f"{outer_code}/{more}" if outer_code and more and more != outer_code else outer_code or more,
        message=message,
        codes=tuple(dict.fromkeys(code.lower() for code in codes)),
        policy=next((found for level in levels if (found := _policy(level))), ""),
    )


def _levels(error: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """Yield an error and its nested errors, the outermost first, with names in lower case."""
    level = {str(name).lower(): value for name, value in error.items()}
    yield level
    if depth == DEEPEST:
        return
    nested = [level.get("innererror"), level.get("errorentity"), level.get("error"), _json(level.get("message"))]
    details = level.get("details")
    nested += details[:DEEPEST] if isinstance(details, list) else []
    for one in nested:
        if isinstance(one, Mapping):
            yield from _levels(one, depth + 1)


def _code(level: Mapping[str, Any], name: str = "code") -> str:
    code = level.get(name)
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""


def _inner_code(level: Mapping[str, Any]) -> str:
    detail = level.get("innererror")
    return _code({str(name).lower(): value for name, value in detail.items()}) if isinstance(detail, Mapping) else ""


def _message(level: Mapping[str, Any]) -> str:
    message = level.get("message")
    if isinstance(message, dict):  # of table storage, with its language
        return str(message.get("value") or "").partition("\n")[0]
    return str(message or "")


def _policy(level: Mapping[str, Any]) -> str:
    """Return the policy assignment that a level names, or ""."""
    additional = level.get("additionalinfo")
    for entry in additional if isinstance(additional, list) else ():
        info = entry.get("info") if isinstance(entry, dict) else None
        if isinstance(info, dict):
            by_name = {str(name).lower(): value for name, value in info.items()}
            name = by_name.get("policyassignmentdisplayname") or by_name.get("policyassignmentname")
            if name or by_name.get("policyassignmentid"):
                return _named(name, by_name.get("policyassignmentid"))
    if found := re.search(_POLICY, _message(level).replace('\\"', '"')):
        return _named(found["name"], found["id"])
    return ""


def _named(name: object, assignment: object) -> str:
    text = " ".join(redact(str(name or "")).split())[:LONGEST_NAME]
    place = " ".join(redact(str(assignment or "")).split())[: 2 * LONGEST_NAME]
    return f"'{text}'{f' ({place})' if place else ''}" if text else place


def _json(text: object) -> dict[str, Any] | None:
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _in_xml(body: str, name: str) -> str:
    """Return the text of an element of table storage, or "" for any other document."""
    from html import unescape  # noqa: PLC0415 - its table of entities is loaded on first use

    match = re.search(rf"<(?:\w+:)?{name}\b[^>]*>([^<]*)</", body, re.IGNORECASE)
    return unescape(match[1]) if match and re.search(r"<(?:\w+:)?error\b", body, re.IGNORECASE) else ""


def _meaning_of_page(body: str) -> str:
    """Return what an HTML page of App Service means. Its text is not shown, because any site might have sent it."""
    if re.search(_STOPPED, body, re.IGNORECASE):
        return "the app is stopped"
    return "the app's access restrictions" if re.search(_BLOCKED, body, re.IGNORECASE) else ""


def _meaning(description: str) -> str:
    """Return what Entra's description means. The text itself is not shown."""
    code = code_of(description)
    return f"{f'AADSTS{code}: ' if code else ''}{meaning_of(description).cause}"
