"""The schemas of bodies and results (JSON Schema 2020-12), made from their types."""

import re
from collections.abc import Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec

from backend.values import Act
from settings.http.problems import KINDS
from settings.http.routes import Route

Schema = dict[str, Any]
REF: Final = "#/components/schemas/"

TEXT: Final = {"type": "string"}
ABSENCE: Final[Schema] = {
    "description": "What this shape of CIPP lacks: the shape, why it lacks it, and what to use instead.",
    "type": "object",
    "properties": {"Shape": TEXT, "Reason": TEXT, "Instead": TEXT},
    "required": ["Shape", "Reason", "Instead"],
}
PROBLEM: Final[Schema] = {
    "title": "Problem",
    "description": "An error in the format of RFC 9457. `Results` is `detail` and `advice` in one text.",
    "type": "object",
    "properties": {
        "type": {"enum": sorted({kind.type for kind in KINDS.values()})},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": {**TEXT, "description": "What failed and why."},
        "advice": {**TEXT, "description": "What to do, with the command if there is one. It may be empty."},
        "Results": TEXT,
        "correlationId": {**TEXT, "description": "The ID of this call in the log and in CIPP's Logbook."},
        "field": {**TEXT, "description": "Status 400: the part of the request that is not valid."},
        "permission": {**TEXT, "description": "Status 403: the missing permission."},
        "NotInThisShape": ABSENCE,
        "azureStatus": {"type": "integer", "description": "Status 500 or 409: the HTTP status of Azure's response."},
        "azureCode": {**TEXT, "description": "Status 500: Azure's error code. Empty if Azure sent none."},
        "retryAfterSeconds": {
            "type": "integer",
            "description": "Status 500: the seconds to wait before the next call, if Azure sent them.",
        },
    },
    "required": ["type", "title", "status", "detail", "advice", "Results", "correlationId"],
}


def schemas_of(routes: Sequence[Route]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the result's schema of each endpoint by name, and the named schemas."""
    encoded = [route for route in routes if not route.raw]
    bodies = [route.body for route in routes if route.body]
    shapes, named = msgspec.json.schema_components(
        [*(route.result for route in encoded), *bodies, Act], ref_template=REF + "{name}"
    )
    results = {route.name: _with_refused_dry_run(route, shape) for route, shape in zip(encoded, shapes, strict=False)}
    body_names = {body.__name__ for body in bodies}
    for name, schema in named.items():
        _describe(schema)
        if name not in body_names:
            _require_defaults(schema)
    return _with_plain_names(results), {**_with_plain_names(named), "Problem": PROBLEM}


def body_schema(body: type[msgspec.Struct]) -> Schema:
    """Return a reference to the schema of a body."""
    return {"$ref": REF + body.__name__}


def _with_refused_dry_run(route: Route, shape: Schema) -> Schema:
    """Return the schema of a write operation with the alternative that a dry run returns if it would be refused."""
    is_act = isinstance(route.result, type) and issubclass(route.result, Act) and route.enveloped
    return {"anyOf": [shape, {"$ref": f"{REF}Act"}]} if is_act else shape


def _require_defaults(schema: Schema) -> None:
    """Mark a result's fields with a default as required, because they are always sent. Optional fields have none."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    sent = [name for name, field in properties.items() if name in required or "default" in field]
    for field in properties.values():
        field.pop("default", None)
    if properties:
        schema["required"] = sent


def _describe(schema: Schema) -> None:
    """Convert a schema's docstring to a description, with the field names and null of the wire."""
    wire = {name.lower(): name for name in schema.get("properties", {})}

    def spelled(found: re.Match[str]) -> str:
        return f"`{wire.get(found[1].replace('_', ''), found[1])}`"

    if text := schema.get("description"):
        text = re.sub(r"`([a-z_]+)`", spelled, cleandoc(text))
        schema["description"] = re.sub(r"\bNone\b", "null", re.sub(r"(?<!\n)\n(?!\n)", " ", text))


def _with_plain_names(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Return the schemas by names without folders, which msgspec adds to types that share a name."""

    def plain(text: str) -> str:
        folders, _, name = text.rpartition(".")
        return folders.rpartition(".")[2].title().replace("_", "") + name if folders else name

    def renamed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, dict):
            return {
                name: REF + plain(inner.removeprefix(REF)) if name == "$ref" else renamed(inner)
                for name, inner in value.items()
            }
        return [renamed(inner) for inner in value] if isinstance(value, list) else value

    return {plain(name): renamed(schema) for name, schema in schemas.items()}
