"""The statuses and responses of an endpoint."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from backend.errors import (
    AzureRefusedError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
)
from settings.access.caller import Permission
from settings.http.problems import problem_of
from settings.http.routes import Route
from settings.openapi.schemas import ABSENCE, REF

Response = dict[str, Any]
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

# By status: the name, the meaning, and an example error.
FAILURES: Final[Mapping[int, tuple[str, str, BackendError]]] = {
    400: (
        "InvalidInput",
        "The request is not valid. `field` names the invalid part.",
        InvalidInputError("Unknown field 'Nmae'. Known fields: Name, All, DryRun, Force.", field="Nmae"),
    ),
    401: (
        "NotSignedIn",
        "The caller is not signed in, or the app's authentication is off.",
        NotSignedInError("You are not signed in.", advice="Sign in, or send a token for this app."),
    ),
    403: (
        "NotAllowed",
        "The caller is signed in but is not allowed to do this. `permission` names the missing permission.",
        NotAllowedError(
            "Access is not allowed: your role 'readonly' does not have the permission CIPP.AppSettings.Read. "
            "Roles that have it: admin, superadmin.",
            advice="Request one of them from a CIPP superadmin.",
            permission=Permission.APP_SETTINGS_READ.value,
        ),
    ),
    404: (
        "NotFound",
        "The app, secret, domain, user or file does not exist, or this app has no access to it.",
        NotFoundError(
            "Key Vault has no secret 'Nope'.",
            advice="ListKeyVaultSecrets lists the secrets. ExecKeyVaultSecretRecover recovers a deleted one.",
        ),
    ),
    409: (
        "Conflict",
        "The request conflicts with the current state, for example because another run is in progress.",
        ConflictError("Version 3f9b2c7d51e84a06 of 'RefreshToken' is already the current one."),
    ),
    500: (
        "Failed",
        "Azure refused the request (see `azureStatus` and `azureCode`) or did not respond, or a setting is missing.",
        AzureRefusedError(
            "Couldn't list the function apps: Azure returned 503 (ServiceUnavailable).",
            advice="Try again later.",
            status=503,
            code="ServiceUnavailable",
        ),
    ),
}


CORRELATION: Final = "0b7e5a52c1f04d9e8a6f3c2d7b918e40"
HEADERS: Final = {
    "x-correlation-id": {
        "description": "The ID of this call in the log and in CIPP's Logbook. A request may set it.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "required": True,
    }
}


def failures() -> dict[str, Response]:
    """Return the error responses by name."""
    return {
        name: {
            "description": meaning,
            "headers": HEADERS,
            "content": {PROBLEM: {"schema": {"$ref": f"{REF}Problem"}, "example": _problem(error)}},
        }
        for name, meaning, error in FAILURES.values()
    }


def _problem(error: BackendError) -> dict[str, Any]:
    return {**problem_of(error), "correlationId": CORRELATION}


def statuses(route: Route) -> list[int]:
    """Return every status that the endpoint may return to its own method. Pure."""
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


def responses_of(route: Route, schema: Mapping[str, Any] | None, example: object) -> dict[str, Response]:
    """Return the endpoint's response of each status."""
    return {str(status): _response(route, status, schema, example) for status in statuses(route)}


def _response(route: Route, status: int, schema: Mapping[str, Any] | None, example: object) -> Response:
    if status in FAILURES:
        return {"$ref": f"#/components/responses/{FAILURES[status][0]}"}
    if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        return {"description": HTTPStatus(status).phrase, "headers": HEADERS}
    if schema is None:
        types: dict[str, Any] = {kind.partition(";")[0]: {} for kind in route.shown.types}
        return {"description": route.doc, "headers": HEADERS, "content": types}
    enveloped = _enveloped(schema, may_lack=route.shown.may_lack)
    content: dict[str, Any] = {"schema": enveloped if route.enveloped else schema}
    if example is not None:
        content["example"] = example
    description = "The result of the operation or of the dry run." if route.body else route.doc
    if status == HTTPStatus.ACCEPTED:
        description = "The operation continues. ListBackendOperations shows it."
    return {"description": description, "headers": HEADERS, "content": {JSON: content}}


def _enveloped(schema: Mapping[str, Any], *, may_lack: bool) -> dict[str, Any]:
    absence = {"NotInThisShape": ABSENCE} if may_lack else {}
    return {"type": "object", "properties": {"Results": schema, **absence}, "required": ["Results"]}
