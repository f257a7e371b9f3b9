"""The API's description, OpenAPI 3.1, made of the route table and the types of bodies and answers."""

import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from settings.openapi_answers import answers_of, failures
from settings.openapi_schemas import body_schema, schemas_of
from settings.routes import Parameter, Route

VERSION: Final = "0.1.0"
LICENCE: Final = {"name": "MIT", "identifier": "MIT"}
SAYS: Final = """\
The API behind CIPP's Application Settings -> Backend page, for one CIPP deployment's own Azure resources.

- `List...` reads, `Exec...` acts. Names of endpoints, fields, secrets and apps match whatever their case.
- Answers are JSON under `Results`, but for `me`. Errors are `application/problem+json` (RFC 9457).
- Every `Exec...` that acts takes `DryRun`, which changes nothing and lists in `WouldDo` what would be done.
- `x-cipp-role` is the permission that an endpoint needs, in CIPP's terms; without it no permission is needed.
"""
BODY_SAYS: Final = (
    "Required, and sent with `Content-Length`: a body in chunks does not arrive, and an empty one is refused. `{}` "
    "leaves every field out. Fields are case-insensitive. In place of a value, the object of CIPP's selects is "
    'taken, `{"label": ..., "value": ...}`, and a list of them in place of a list. `tenantFilter` and `tenantId` '
    "are passed over."
)
SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of Microsoft Entra for this app, checked by App Service authentication.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "AppServiceAuthSession",
        "description": "The session of App Service authentication, once signed in with a browser.",
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe the routes."""
    answers, schemas = schemas_of(routes)
    examples = _examples()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = _operation(route, answers.get(route.name), examples.get(route.name))
        paths.setdefault(_path(route), {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "CIPP Backend", "version": VERSION, "description": SAYS, "license": LICENCE},
        "servers": [{"url": "/api"}],
        "security": [{name: []} for name in SCHEMES],
        "tags": _tags(routes),
        "paths": paths,
        "components": {"schemas": schemas, "responses": failures(), "securitySchemes": SCHEMES},
    }


def _examples() -> dict[str, Any]:
    """Answer an answer of each endpoint, as `make examples` wrote them down."""
    from pathlib import Path  # noqa: PLC0415 - only who asks for the description pays for it

    examples: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("examples.json").read_bytes())
    return examples


def _operation(route: Route, answer: dict[str, Any] | None, example: object) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": route.name, "tags": [_tag(route)], "summary": route.doc}
    if route.needs:
        found["x-cipp-role"] = route.needs.value
    if route.public:
        found["security"] = []
    parameters = [_parameter(one, "query") for one in route.shown.query]
    if route.shown.rest:
        parameters.append(_parameter(route.shown.rest, "path"))
    if parameters:
        found["parameters"] = parameters
    if route.body:
        content: dict[str, Any] = {"schema": body_schema(route.body)}
        if route.shown.example is not None:
            content["example"] = route.shown.example
        content_of = {"application/json": content}
        found["requestBody"] = {"description": BODY_SAYS, "required": True, "content": content_of}
    found["responses"] = answers_of(route, answer, example)
    return found


def _path(route: Route) -> str:
    return f"/{route.path}/{{{route.shown.rest.name}}}" if route.shown.rest else f"/{route.path}"


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.only:
        schema["enum"] = list(parameter.only)
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.says,
        "required": parameter.required or place == "path",
        "schema": schema,
        **({"example": parameter.example} if parameter.example else {}),
    }


def _tag(route: Route) -> str:
    """Name the page of an endpoint."""
    page: str = route.work.__module__
    return page.rpartition(".")[2].replace("_", " ").capitalize()


def _tags(routes: Sequence[Route]) -> list[dict[str, str]]:
    pages = {_tag(route): sys.modules[route.work.__module__].__doc__ or "" for route in routes}
    return [{"name": name, "description": says.partition("\n")[0]} for name, says in pages.items()]
