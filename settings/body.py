"""From a request's bytes to a typed value: names match whatever their case, and nothing is guessed."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar, get_origin

import msgspec

from backend.errors import InvalidInputError
from backend.quoting import quoted, shown

S = TypeVar("S", bound=msgspec.Struct)
MOST_BYTES: Final = 1_000_000
# CIPP's frontend adds these to what it posts; they name a customer tenant, which means nothing here.
IGNORED_FIELDS: Final = frozenset({"tenantfilter", "tenantid"})
# A body of these bytes alone holds nothing: JSON's white space, its two relatives, and the bytes of a byte order mark.
BLANK: Final = b" \t\r\n\v\f\xef\xbb\xbf"
EMPTY: Final = (
    "Missing body: this POST arrived without one. Send its fields as JSON, with Content-Length. "
    "Send {} if CIPP's main app or all keys are meant."
)
LOST: Final = (
    "Couldn't read the body: it did not arrive, because the request has Transfer-Encoding without Content-Length. "
    "Send Content-Length."
)


_NOT_AMONG: Final = "Invalid enum value"  # msgspec repeats the value


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What a POST may carry: the fields of a subclass, PascalCase on the wire."""


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Return whether the caller sent its body in chunks, without a length. Azure's host then passes on no body.

    The Functions host gives a worker the body only if Content-Length is above 0 (`ToRpcHttp`,
    Azure/azure-functions-host#7930).
    """
    return bool(headers.get("transfer-encoding", "").strip()) and not headers.get("content-length", "").strip()


def read_body(raw: bytes, content_type: str, kind: type[S], *, chunked: bool = False) -> S:
    """Return a POST's body. An empty one is refused, since a lost body must not count as `{}`.

    Raises:
        InvalidInputError: Lost, empty, not JSON, too large, or against the kind's fields. `field` names the one.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidInputError("A POST needs the header Content-Type: application/json.", field="Content-Type")
    if chunked:
        raise InvalidInputError(LOST, field="Content-Length")
    if len(raw) > MOST_BYTES:
        raise InvalidInputError(f"The body has {len(raw):,} bytes; at most {MOST_BYTES:,} are accepted.", field="body")
    if not raw.strip(BLANK):
        raise InvalidInputError(EMPTY, field="body")
    return to_struct(_parsed(raw), kind)


def to_struct(parsed: Any, kind: type[S]) -> S:  # noqa: ANN401 - what JSON may hold
    """Convert a JSON value to the kind.

    Raises:
        InvalidInputError: It breaks the kind's rules; `field` names the first.
    """
    if not isinstance(parsed, dict):
        raise InvalidInputError("The body must be a JSON object.", field="body")
    fields = msgspec.structs.fields(kind)
    wire_names = {field.encode_name.lower(): field.encode_name for field in fields}
    objects = {field.encode_name for field in fields if get_origin(field.type) is dict}  # whose names are the caller's
    given: dict[str, Any] = {}
    for name, value in parsed.items():
        wire_name = wire_names.get(name.lower())
        if wire_name is None and name.lower() in IGNORED_FIELDS:
            continue
        if wire_name is None:
            known = ", ".join(wire_names.values()) or "none"
            raise InvalidInputError(
                f"The field {quoted(name)} is unknown here. Known fields: {known}.", field=shown(name)
            )
        if wire_name in given:
            raise InvalidInputError(f"The field '{wire_name}' is given twice.", field=wire_name)
        given[wire_name] = value if wire_name in objects else _selected(value)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        _refuse(error)


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - what JSON may hold
    try:
        parsed = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_no_twins, parse_constant=_no_constant)
        msgspec.json.encode(parsed)  # half a surrogate pair parses, and could never be answered or sent on
        return parsed  # noqa: TRY300 - both lines above refuse
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"The body is not valid JSON: {error}.", field="body") from error


def _no_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    together: dict[str, Any] = {}
    for name, value in pairs:
        if name in together:
            raise InvalidInputError(f"The field {quoted(name)} is given twice.", field=shown(name))
        together[name] = value
    return together


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _selected(value: Any) -> Any:  # noqa: ANN401 - what JSON may hold
    """Take the value out of what the frontend's selects send: {"label", "value", ...}, or a list of them."""
    if isinstance(value, list):
        return [_chosen(item) for item in value]
    return _chosen(value)


def _chosen(value: Any) -> Any:  # noqa: ANN401 - what JSON may hold
    values = [inner for name, inner in value.items() if name.lower() == "value"] if isinstance(value, dict) else []
    return values[0] if len(values) == 1 else value


def _refuse(error: msgspec.ValidationError) -> NoReturn:
    """Return which field broke its rule, in the words of JSON, and never what was sent."""
    rule, _, path = str(error).partition(" - at `")
    if rule.startswith(_NOT_AMONG):
        rule, path = "it must be one of the values that openapi.json lists", str(error).rpartition(" - at `")[2]
    place = path.rstrip("`").removeprefix("$").lstrip(".")
    if missing := re.search(r"missing required field `(\w+)`", rule):
        place = missing[1]
        rule = "it is required"
    field = place.partition("[")[0].partition(".")[0] or "body"
    raise InvalidInputError(
        f"The field '{place or 'body'}' cannot be used: {rule.replace('`', '')}.", field=field
    ) from error
