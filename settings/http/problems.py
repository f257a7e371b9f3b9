"""Convert an error to a problem response (RFC 9457), with a `Results` text that CIPP's frontend shows."""

from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec

from backend.errors import (
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotConfiguredError,
    NotFoundError,
    NotSignedInError,
)
from backend.hosting.shape_errors import AbsentError, UnknownShapeError
from backend.internal_errors import InternalError


class WrongMethodError(BackendError):
    """The endpoint exists, but with another method, which `allow` names."""

    def __init__(self, detail: str, *, allow: str, advice: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.allow = allow


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem, with its HTTP status, its anchor in `docs/api.md` and its title."""

    status: HTTPStatus
    code: str
    title: str

    @property
    def type(self) -> str:
        """The type of the problem by RFC 9457, a reference relative to the project."""
        return f"{PAGE}#{self.code}"


PAGE: Final = "docs/api.md"

# The nearest ancestor counts. A refusal by Azure is a 500, because CIPP's frontend quickly retries most other statuses.
KINDS: Final[dict[type[BackendError], Kind]] = {
    NotSignedInError: Kind(HTTPStatus.UNAUTHORIZED, "not-signed-in", "Sign-in required"),
    NotAllowedError: Kind(HTTPStatus.FORBIDDEN, "not-allowed", "Access denied"),
    InvalidInputError: Kind(HTTPStatus.BAD_REQUEST, "invalid-input", "Invalid input"),
    NotFoundError: Kind(HTTPStatus.NOT_FOUND, "not-found", "Not found"),
    ConflictError: Kind(HTTPStatus.CONFLICT, "conflict", "Conflict with the current state"),
    WrongMethodError: Kind(HTTPStatus.METHOD_NOT_ALLOWED, "wrong-method", "Wrong HTTP method"),
    NotConfiguredError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "not-configured", "Configuration missing or invalid"),
    AzureRefusedError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "azure-refused", "Azure refused the request"),
    AzureUnreachableError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "azure-unreachable", "No response from Azure"),
    InternalError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Internal error"),
    BackendError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "Operation failed"),
}


def problem_of(error: BackendError) -> dict[str, Any]:
    """Return the problem of an error. `Results` is its detail and advice in one text."""
    kind = next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)
    problem: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status.value,
        "detail": error.detail,
        "advice": error.advice,
        "Results": str(error),
    }
    if isinstance(error, InvalidInputError) and error.field:
        problem["field"] = error.field
    if isinstance(error, NotAllowedError) and error.permission:
        problem["permission"] = error.permission
    refusal = error.cause if isinstance(error, UnknownShapeError) else error
    if isinstance(refusal, AzureRefusedError):
        problem["azureStatus"] = refusal.status
        problem["azureCode"] = refusal.code
    if isinstance(error, AbsentError):
        problem["NotInThisShape"] = error.absence
    if error.retry_after > 0:
        problem["retryAfterSeconds"] = ceil(error.retry_after)
    return problem
