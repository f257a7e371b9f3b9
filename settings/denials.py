"""How a caller is turned away."""

from backend.errors import BackendError


class NotSignedInError(BackendError):
    """Nobody is known to be calling."""


class NotAllowedError(BackendError):
    """The caller is known and lacks the right; `permission` names it."""

    def __init__(self, message: str, *, permission: str | None = None) -> None:
        super().__init__(message)
        self.permission = permission
