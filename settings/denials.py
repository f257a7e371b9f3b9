"""How a caller is turned away."""

from typing import TYPE_CHECKING

from backend.errors import BackendError

if TYPE_CHECKING:
    from settings.access import Caller


class NotSignedInError(BackendError):
    """Nobody is known to be calling."""


class NotAllowedError(BackendError):
    """The caller is known and lacks the right; `permission` names it. `caller` is for the record."""

    def __init__(self, message: str, *, permission: str | None = None, caller: "Caller | None" = None) -> None:
        super().__init__(message)
        self.permission = permission
        self.caller = caller
