"""The functions of the template language that work on texts."""

import base64
import hashlib
import json
import re
import uuid
from typing import Any, Final
from urllib.parse import quote, urljoin

from sandbox.arm.deployments.errors import ExpressionError
from sandbox.arm.deployments.values import Value, text_of

# Microsoft documents `guid` as a name-based UUID (version 5) in this namespace, of the arguments joined by "-".
_GUID_NAMESPACE: Final = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_BASE_32: Final = "abcdefghijklmnopqrstuvwxyz234567"


def text(value: Value, function: str) -> str:
    """Return a value that must be a text."""
    if not isinstance(value, str):
        raise ExpressionError(
            f"The template language function '{function}' expects its parameter to be a string. The provided value "
            f"is of type '{type(value).__name__}'."
        )
    return value


def number(value: Value, function: str) -> int:
    """Return a value that must be an integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExpressionError(
            f"The template language function '{function}' expects its parameter to be an integer. The provided value "
            f"is of type '{type(value).__name__}'."
        )
    return value


def _concat(*parts: Value) -> Value:
    if parts and all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    if any(isinstance(part, list | dict) for part in parts):
        raise ExpressionError(
            "The provided arguments for template language function 'concat' is not valid: all arguments must be "
            "strings or all must be arrays."
        )
    return "".join(map(text_of, parts))


def _format(pattern: Value, *values: Value) -> str:
    def part(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        index = int(match[1])
        if index >= len(values):
            raise ExpressionError("Unable to evaluate template language function 'format': the index is too large.")
        value = values[index]
        return f"{value:{match[2]}}" if match[2] else text_of(value)

    return re.sub(r"\{\{|\}\}|\{(\d+)(?::([^}]*))?\}", part, text(pattern, "format"))


def _substring(value: Value, start: Value, length: Value = None) -> str:
    whole, first = text(value, "substring"), number(start, "substring")
    count = len(whole) - first if length is None else number(length, "substring")
    if first < 0 or count < 0 or first + count > len(whole):
        raise ExpressionError(
            "Unable to evaluate template language function 'substring': the index and length parameters must refer "
            f"to a location within the string. The index parameter: '{first}', the length parameter: '{count}', the "
            f"length of the string parameter: '{len(whole)}'."
        )
    return whole[first : first + count]


def _split(value: Value, separators: Value) -> list[str]:
    several = separators if isinstance(separators, list) else [separators]
    return re.split("|".join(re.escape(text(one, "split")) for one in several), text(value, "split"))


def _json(value: Value) -> Value:
    try:
        return json.loads(text(value, "json"))
    except ValueError as error:
        raise ExpressionError(f"The template language function 'json' parameter is not valid: {error}.") from error


def _guid(*parts: Value) -> str:
    return str(uuid.uuid5(_GUID_NAMESPACE, "-".join(text(part, "guid") for part in parts)))


def _unique_string(*parts: Value) -> str:
    """Return 13 letters, the same for the same arguments. Azure uses another hash, so its letters differ."""
    digest = hashlib.sha256("-".join(text(part, "uniqueString") for part in parts).encode()).digest()
    return "".join(_BASE_32[byte % 32] for byte in digest[:13])


def _int(value: Value) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"The template language function 'int' can't convert '{value}'.") from error


def _join(items: Value, separator: Value) -> str:
    return text(separator, "join").join(map(text_of, items))


def _pad(value: Value, length: Value, filler: Value = " ") -> str:
    return text_of(value).rjust(number(length, "padLeft"), text(filler, "padLeft"))


def _base64(value: Value) -> str:
    return base64.b64encode(text(value, "base64").encode()).decode()


def _from_base64(value: Value) -> str:
    return base64.b64decode(text(value, "base64ToString")).decode()


# By lower-case name: the function, and the smallest and largest number of its arguments.
FUNCTIONS: Final[dict[str, tuple[Any, int, int | None]]] = {
    "base64": (_base64, 1, 1),
    "base64tostring": (_from_base64, 1, 1),
    "concat": (_concat, 1, None),
    "endswith": (lambda a, b: text(a, "endsWith").lower().endswith(text(b, "endsWith").lower()), 2, 2),
    "format": (_format, 1, None),
    "guid": (_guid, 1, None),
    "indexof": (lambda a, b: text(a, "indexOf").lower().find(text(b, "indexOf").lower()), 2, 2),
    "int": (_int, 1, 1),
    "join": (_join, 2, 2),
    "json": (_json, 1, 1),
    "lastindexof": (lambda a, b: text(a, "lastIndexOf").lower().rfind(text(b, "lastIndexOf").lower()), 2, 2),
    "padleft": (_pad, 2, 3),
    "replace": (
        lambda a, old, new: text(a, "replace").replace(text(old, "replace"), text(new, "replace")),
        3,
        3,
    ),
    "split": (_split, 2, 2),
    "startswith": (lambda a, b: text(a, "startsWith").lower().startswith(text(b, "startsWith").lower()), 2, 2),
    "string": (text_of, 1, 1),
    "substring": (_substring, 2, 3),
    "tolower": (lambda a: text(a, "toLower").lower(), 1, 1),
    "toupper": (lambda a: text(a, "toUpper").upper(), 1, 1),
    "trim": (lambda a: text(a, "trim").strip(), 1, 1),
    "uniquestring": (_unique_string, 1, None),
    "uri": (lambda base, relative: urljoin(text(base, "uri"), text(relative, "uri")), 2, 2),
    "uricomponent": (lambda a: quote(text(a, "uriComponent"), safe=""), 1, 1),
}
