"""From an error to an answer: RFC 9457's problem, with a `Results` text that CIPP's frontend shows."""

from http import HTTPStatus
from typing import Any, Final

from backend.errors import (
    AzureRefusedError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from settings.access import NotAllowedError, NotSignedInError


class WrongMethodError(BackendError):
    """The endpoint exists, with another method; `allow` names it."""

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


# By the nearest ancestor. What Azure refuses is 500, since the frontend hammers on most other codes.
STATUS_OF: Final[dict[type[BackendError], HTTPStatus]] = {
    NotSignedInError: HTTPStatus.UNAUTHORIZED,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    InvalidInputError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    WrongMethodError: HTTPStatus.METHOD_NOT_ALLOWED,
    BackendError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def problem_of(error: BackendError) -> dict[str, Any]:
    """Describe an error: its status, and `Results`, which says what was tried, why it failed and what to do."""
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": str(error),
        "Results": str(error),
    }
    if isinstance(error, InvalidInputError) and error.field:
        problem["field"] = error.field
    if isinstance(error, NotAllowedError) and error.permission:
        problem["permission"] = error.permission
    if isinstance(error, AzureRefusedError):
        problem["azureStatus"] = error.status
        problem["azureCode"] = error.code
    return problem
