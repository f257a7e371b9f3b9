"""The OpenAPI 3.1 document, made from the route table and the types of bodies and results."""

import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from backend.running_code import COMMIT, VERSION
from settings.http.routes import Parameter, Route
from settings.openapi.responses import failures, responses_of
from settings.openapi.schemas import body_schema, schemas_of

LICENCE: Final = {"name": "MIT", "identifier": "MIT"}
DESCRIPTION: Final = """\
The API behind CIPP's Application Settings -> Backend page. It manages the Azure resources of one CIPP deployment.

- `List...` endpoints read. `Exec...` endpoints write, except `ExecBackendURLs` and `ExecKeyProof`.
- Names of endpoints, fields, secrets and apps are case-insensitive.
- Results are JSON under `Results`, except for `me`. Errors are `application/problem+json` (RFC 9457).
- Endpoints that write take `DryRun`. It changes nothing, and lists in `WouldDo` what would be done.
- `x-cipp-role` is the CIPP permission that the endpoint requires. Endpoints without it require no permission.
"""
BODY_DESCRIPTION: Final = (
    "Required, with the header `Content-Length`. Chunked and empty bodies are refused. Send `{}` to leave out every "
    "field. Field names are case-insensitive. A value may be an object as CIPP's selects send it, "
    '`{"label": ..., "value": ...}`, and a list may contain such objects. `tenantFilter` and `tenantId` are ignored.'
)
SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A Microsoft Entra ID token for this app. App Service authentication checks it.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "AppServiceAuthSession",
        "description": "The App Service authentication session of a browser that is signed in.",
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of the routes."""
    results, schemas = schemas_of(routes)
    examples = _examples()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = _operation(route, results.get(route.name), examples.get(route.name))
        paths.setdefault(_path(route), {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CIPP Backend",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": LICENCE,
            "x-commit": COMMIT,
        },
        "servers": [{"url": "/api"}],
        "security": [{name: []} for name in SCHEMES],
        "tags": _tags(routes),
        "paths": paths,
        "components": {"schemas": schemas, "responses": failures(), "securitySchemes": SCHEMES},
    }


def _examples() -> dict[str, Any]:
    """Return an example response of each endpoint, from the file that `make examples` writes."""
    from pathlib import Path  # noqa: PLC0415 - used only by this document

    examples: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("examples.json").read_bytes())
    return examples


def _operation(route: Route, result: dict[str, Any] | None, example: object) -> dict[str, Any]:
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
        found["requestBody"] = {"description": BODY_DESCRIPTION, "required": True, "content": content_of}
    found["responses"] = responses_of(route, result, example)
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
        "description": parameter.description,
        "required": parameter.required or place == "path",
        "schema": schema,
        **({"example": parameter.example} if parameter.example else {}),
    }


def _tag(route: Route) -> str:
    """Return the name of an endpoint's page."""
    page: str = route.work.__module__
    return page.rpartition(".")[2].replace("_", " ").capitalize()


def _tags(routes: Sequence[Route]) -> list[dict[str, str]]:
    pages = {_tag(route): sys.modules[route.work.__module__].__doc__ or "" for route in routes}
    return [{"name": name, "description": text.partition("\n")[0]} for name, text in pages.items()]
