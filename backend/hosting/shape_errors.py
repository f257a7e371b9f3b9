"""The errors of a request that CIPP's shape does not allow, dry runs included."""

from typing import Any

from backend.errors import BackendError, ConflictError
from backend.installation.shape import Shape
from backend.values import Value


class NotInThisShape(Value, frozen=True):
    """What this shape of CIPP lacks: the shape, why it lacks it, and what to use instead."""

    shape: str
    reason: str
    instead: str


class ShapeError(ConflictError):
    """A write that CIPP's shape does not allow. A dry run gets the same response."""


class AbsentError(ShapeError):
    """This shape of CIPP does not have what the request is about. A read gets `empty` and `absence` instead."""

    def __init__(self, absence: NotInThisShape, empty: Any) -> None:  # noqa: ANN401 - any result type
        super().__init__(absence.reason, advice=absence.instead)
        self.absence = absence
        self.empty = empty


def absent(shape: Shape, reason: str, instead: str, empty: object = None) -> AbsentError:
    """Return the error of a request for what a shape does not have."""
    return AbsentError(NotInThisShape(shape=shape.value, reason=reason, instead=instead), empty)


class UnknownShapeError(ShapeError):
    """CIPP's shape is unknown, so nothing is changed. `cause` is why, if Azure refused or timed out."""

    def __init__(self, detail: str, *, advice: str = "", cause: BackendError | None = None) -> None:
        super().__init__(detail, advice=advice)
        self.cause = cause
        self.retry_after = cause.retry_after if cause else 0
