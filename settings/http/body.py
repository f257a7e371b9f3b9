"""Convert a request's bytes to a typed value. Names are case-insensitive, and nothing is guessed."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar, get_origin

import msgspec

from backend.errors import InvalidInputError
from backend.text.quoting import quoted, shown
from settings.http.pasted_fields import check_body, check_name_of_field

S = TypeVar("S", bound=msgspec.Struct)
MOST_BYTES: Final = 1_000_000
# CIPP's frontend adds these to each POST. They name a customer tenant, which this app doesn't use.
IGNORED_FIELDS: Final = frozenset({"tenantfilter", "tenantid"})
# A body of only these bytes is empty: JSON's white space, two similar characters, and a byte order mark.
BLANK: Final = b" \t\r\n\v\f\xef\xbb\xbf"
EMPTY: Final = "Missing body: this POST arrived without one."
EMPTY_ADVICE: Final = (
    "Send the fields as JSON, with Content-Length. To use the defaults (CIPP's main app, or all keys), send {}."
)
LOST: Final = (
    "Couldn't read the body: it did not arrive, because the request has Transfer-Encoding without Content-Length."
)


_NOT_AMONG: Final = "Invalid enum value"  # msgspec repeats the value


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """The body of a POST. Its fields are PascalCase on the wire."""


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Return whether the caller sent the body in chunks, without a length.

    The Functions host passes a body to a worker only if Content-Length is above 0 (`ToRpcHttp`,
    Azure/azure-functions-host#7930).
    """
    return bool(headers.get("transfer-encoding", "").strip()) and not headers.get("content-length", "").strip()


def read_body(raw: bytes, content_type: str, kind: type[S], *, chunked: bool = False) -> S:
    """Return a POST's body. An empty body is refused, because a lost body must not count as `{}`.

    Raises:
        InvalidInputError: The body is lost, empty, too large, not JSON, or does not match the kind. `field` names the
            invalid field.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidInputError("A POST must have the header Content-Type: application/json.", field="Content-Type")
    if chunked:
        raise InvalidInputError(LOST, field="Content-Length", advice="Send Content-Length.")
    if len(raw) > MOST_BYTES:
        raise InvalidInputError(
            f"Invalid body: it has {len(raw):,} bytes, and the limit is {MOST_BYTES:,}.", field="body"
        )
    if not raw.strip(BLANK):
        raise InvalidInputError(EMPTY, field="body", advice=EMPTY_ADVICE)
    return to_struct(_parsed(raw), kind)


def to_struct(parsed: Any, kind: type[S]) -> S:  # noqa: ANN401 - any JSON value
    """Convert a JSON value to the kind.

    Raises:
        InvalidInputError: The value does not match the kind. `field` names the first invalid field.
    """
    if not isinstance(parsed, dict):
        raise InvalidInputError("The body must be a JSON object.", field="body")
    fields = msgspec.structs.fields(kind)
    wire_names = {field.encode_name.lower(): field.encode_name for field in fields}
    objects = {
        field.encode_name for field in fields if get_origin(field.type) is dict
    }  # with names that the caller chooses
    given: dict[str, Any] = {}
    for name, value in parsed.items():
        wire_name = wire_names.get(name.lower())
        if wire_name is None and name.lower() in IGNORED_FIELDS:
            continue
        if wire_name is None:
            check_name_of_field(name)
            known = ", ".join(wire_names.values()) or "none"
            raise InvalidInputError(f"Unknown field {quoted(name)}. Known fields: {known}.", field=shown(name))
        if wire_name in given:
            raise InvalidInputError(f"Duplicate field '{wire_name}'.", field=wire_name)
        given[wire_name] = value if wire_name in objects else _selected(value)
    check_body(kind.__name__, given)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        _refuse(error)


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        parsed = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_no_twins, parse_constant=_no_constant)
        msgspec.json.encode(parsed)  # half a surrogate pair can be parsed but not encoded
        return parsed  # noqa: TRY300 - both lines above can raise
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"Invalid JSON in the body: {error}.", field="body") from error


def _no_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    together: dict[str, Any] = {}
    for name, value in pairs:
        if name in together:
            raise InvalidInputError(f"Duplicate field {quoted(name)}.", field=shown(name))
        together[name] = value
    return together


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _selected(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a select of CIPP's frontend: {"label", "value", ...}, or a list of them."""
    if isinstance(value, list):
        return [_chosen(item) for item in value]
    return _chosen(value)


def _chosen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    values = [inner for name, inner in value.items() if name.lower() == "value"] if isinstance(value, dict) else []
    return values[0] if len(values) == 1 else value


def _refuse(error: msgspec.ValidationError) -> NoReturn:
    """Raise an error that names the invalid field and the rule in JSON terms, without the value that was sent."""
    rule, _, path = str(error).partition(" - at `")
    if rule.startswith(_NOT_AMONG):
        rule, path = "it must be one of the values that openapi.json lists", str(error).rpartition(" - at `")[2]
    place = path.rstrip("`").removeprefix("$").lstrip(".")
    if missing := re.search(r"missing required field `(\w+)`", rule):
        place = missing[1]
        rule = "it is required"
    field = place.partition("[")[0].partition(".")[0] or "body"
    raise InvalidInputError(f"Invalid field '{place or 'body'}': {rule.replace('`', '')}.", field=field) from error
