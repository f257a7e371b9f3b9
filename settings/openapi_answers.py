"""Which statuses an endpoint answers, and what comes with each."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from backend.errors import AzureRefusedError, BackendError, ConflictError, InvalidInputError, NotFoundError
from settings.access import NotAllowedError, NotSignedInError, Permission
from settings.openapi_schemas import REF
from settings.problems import problem_of
from settings.routes import Route

Answer = dict[str, Any]
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

# By status: the name, what it means, and an error that is answered with it.
FAILURES: Final[Mapping[int, tuple[str, str, BackendError]]] = {
    400: (
        "InvalidInput",
        "The request cannot be used; `field` names what is wrong.",
        InvalidInputError("The field 'Nmae' is unknown here. Known fields: Name, All, DryRun, Force.", field="Nmae"),
    ),
    401: (
        "NotSignedIn",
        "Nobody is signed in, or the app's authentication is off.",
        NotSignedInError("You are not signed in: sign in, or send a token of this app."),
    ),
    403: (
        "NotAllowed",
        "You are known and may not; `permission` names what you lack.",
        NotAllowedError(
            "Access is not allowed: your role 'readonly' does not have the permission CIPP.AppSettings.Read. "
            "Roles that have it: admin, superadmin. Ask a CIPP superadmin for one of them.",
            permission=Permission.APP_SETTINGS_READ.value,
        ),
    ),
    404: (
        "NotFound",
        "There is no such app, secret, domain, user or file, or this app may not see it.",
        NotFoundError("The vault has no secret 'Nope'. ListKeyVaultSecrets lists those that it has."),
    ),
    409: (
        "Conflict",
        "What was asked does not fit the state of the thing, or another run is at work.",
        ConflictError("Version 3f9b2c7d51e84a06 of 'RefreshToken' is the current one already."),
    ),
    500: (
        "Failed",
        "Azure refused (`azureStatus` and `azureCode` tell how) or was silent, or a setting is missing.",
        AzureRefusedError(
            "Tried to list the function apps, but Azure answered 503 (ServiceUnavailable): try again later.",
            status=503,
            code="ServiceUnavailable",
        ),
    ),
}


CORRELATION: Final = "0b7e5a52c1f04d9e8a6f3c2d7b918e40"
HEADERS: Final = {
    "x-correlation-id": {
        "description": "Names this call in the log and in CIPP's Logbook; the caller's own, if it sent one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "required": True,
    }
}


def failures() -> dict[str, Answer]:
    """Answer the answers that are errors, by name."""
    return {
        name: {
            "description": says,
            "headers": HEADERS,
            "content": {PROBLEM: {"schema": {"$ref": f"{REF}Problem"}, "example": _problem(error)}},
        }
        for name, says, error in FAILURES.values()
    }


def _problem(error: BackendError) -> dict[str, Any]:
    return {**problem_of(error), "correlationId": CORRELATION}


def statuses(route: Route) -> list[int]:
    """Answer every status that the endpoint may answer to its own method. Pure."""
    found = {200, 500, *route.shown.others}
    if not route.public:
        found |= {401, 403}
    if route.needs and not route.raw:
        found.add(404)
    if route.body:
        found |= {400, 404, 409}
    if route.shown.query:
        found.add(400)
    if route.raw:
        found.add(304)
    return sorted(found)


def answers_of(route: Route, schema: Mapping[str, Any] | None, example: object) -> dict[str, Answer]:
    """Answer what comes with each status of the endpoint."""
    return {str(status): _answer(route, status, schema, example) for status in statuses(route)}


def _answer(route: Route, status: int, schema: Mapping[str, Any] | None, example: object) -> Answer:
    if status in FAILURES:
        return {"$ref": f"#/components/responses/{FAILURES[status][0]}"}
    if status != HTTPStatus.OK:
        return {"description": HTTPStatus(status).phrase, "headers": HEADERS}
    if schema is None:
        types: dict[str, Any] = {kind.partition(";")[0]: {} for kind in route.shown.types}
        return {"description": route.doc, "headers": HEADERS, "content": types}
    content: dict[str, Any] = {"schema": _enveloped(schema) if route.enveloped else schema}
    if example is not None:
        content["example"] = example
    says = "Done, or what a dry run found." if route.body else route.doc
    return {"description": says, "headers": HEADERS, "content": {JSON: content}}


def _enveloped(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"Results": schema}, "required": ["Results"]}
