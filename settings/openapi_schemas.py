"""The shapes of bodies and answers, as JSON Schema 2020-12, out of the types themselves."""

import re
from collections.abc import Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec

from backend.act import Act
from settings.routes import Route

Schema = dict[str, Any]
REF: Final = "#/components/schemas/"

TEXT: Final = {"type": "string"}
PROBLEM: Final[Schema] = {
    "title": "Problem",
    "description": "RFC 9457's problem. `Results` says what was tried, why it failed and what to do.",
    "type": "object",
    "properties": {
        "type": {"const": "about:blank"},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "Results": TEXT,
        "correlationId": {**TEXT, "description": "The id under which the log and CIPP's Logbook tell of this call."},
        "field": {**TEXT, "description": "400: the field of the request that is wrong."},
        "permission": {**TEXT, "description": "403: the permission that is missing."},
        "azureStatus": {"type": "integer", "description": "500: the status with which Azure refused."},
        "azureCode": {**TEXT, "description": "500: Azure's code of the refusal, empty where it gave none."},
    },
    "required": ["type", "title", "status", "detail", "Results", "correlationId"],
}


def schemas_of(routes: Sequence[Route]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Answer what each endpoint answers, by its name, and every named shape."""
    answering = [route for route in routes if not route.raw]
    bodies = [route.body for route in routes if route.body]
    shapes, named = msgspec.json.schema_components(
        [*(route.answers for route in answering), *bodies, Act], ref_template=REF + "{name}"
    )
    answers = {route.name: _or_refused(route, shape) for route, shape in zip(answering, shapes, strict=False)}
    taken = {body.__name__ for body in bodies}
    for name, schema in named.items():
        _say(schema)
        if name not in taken:
            _always_whole(schema)
    return _with_plain_names(answers), {**_with_plain_names(named), "Problem": PROBLEM}


def body_schema(body: type[msgspec.Struct]) -> Schema:
    """Answer where the shape of a body stands."""
    return {"$ref": REF + body.__name__}


def _or_refused(route: Route, shape: Schema) -> Schema:
    """Say of an act that a dry run of what would be refused tells no more than that."""
    is_act = isinstance(route.answers, type) and issubclass(route.answers, Act) and route.enveloped
    return {"anyOf": [shape, {"$ref": f"{REF}Act"}]} if is_act else shape


def _always_whole(schema: Schema) -> None:
    """Say of an answer that a field with a default is always there, too; one that may be left out has none."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    sent = [name for name, shape in properties.items() if name in required or "default" in shape]
    for shape in properties.values():
        shape.pop("default", None)
    if properties:
        schema["required"] = sent


def _say(schema: Schema) -> None:
    """Tell what a docstring tells, in the words of the wire."""
    wire = {name.lower(): name for name in schema.get("properties", {})}

    def spelled(found: re.Match[str]) -> str:
        return f"`{wire.get(found[1].replace('_', ''), found[1])}`"

    if said := schema.get("description"):
        said = re.sub(r"`([a-z_]+)`", spelled, cleandoc(said))
        schema["description"] = re.sub(r"\bNone\b", "null", re.sub(r"(?<!\n)\n(?!\n)", " ", said))


def _with_plain_names(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Name without our folders those of several types of one name: `backend.overview.Overview`."""

    def plain(text: str) -> str:
        folders, _, name = text.rpartition(".")
        return folders.rpartition(".")[2].title().replace("_", "") + name if folders else name

    def renamed(value: Any) -> Any:  # noqa: ANN401 - what JSON may hold
        if isinstance(value, dict):
            return {
                name: REF + plain(inner.removeprefix(REF)) if name == "$ref" else renamed(inner)
                for name, inner in value.items()
            }
        return [renamed(inner) for inner in value] if isinstance(value, list) else value

    return {plain(name): renamed(schema) for name, schema in schemas.items()}
