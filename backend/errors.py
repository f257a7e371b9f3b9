"""The errors of this app, by outcome. `backend.azure.errors.translation` creates them from the errors of the SDKs.

BackendError
|-- InvalidInputError          the input breaks a rule
|-- NotFoundError              this deployment does not have the resource
|-- ConflictError              the request conflicts with the current state
|-- NotConfiguredError         a setting or an identity is missing
|-- NotSignedInError           the caller is not signed in
|-- NotAllowedError            the caller lacks the permission
`-- AzureError                 Azure did not do what was requested
    |-- AzureRefusedError      Azure returned an error; `status` is its HTTP status
    |   `-- IdentityRefusedError   the managed identity's endpoint returned no token
    `-- AzureUnreachableError  no usable response; the operation might have completed
"""

from typing import Final

import msgspec

_BAD_REQUEST, _REQUEST_TIMEOUT, _SERVER_ERROR = 400, 408, 500
TRY_AGAIN: Final = "Try again."
NOT_READABLE: Final = "the response does not have its documented form."  # completes "Couldn't ...: "


def joined(*sentences: str) -> str:
    """Return the texts that are not empty as one text, with a space between them."""
    return " ".join(sentence for sentence in sentences if sentence)


class BackendError(Exception):
    """An error that the caller sees.

    `detail` states what failed and why. `advice` states what to do, with the command if there is one. The text of the
    error is both. `retry_after` is the number of seconds that Azure requests callers to wait, 0 if it names none.
    """

    retry_after: float = 0

    def __init__(self, detail: str, *, advice: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice

    def __str__(self) -> str:
        """Return the detail and the advice."""
        return joined(self.detail, self.advice)

    def add_context(self, *, before: str = "", after: str = "") -> None:
        """Add sentences before and after the detail, about what else happened."""
        self.detail = joined(before, self.detail, after)


class InvalidInputError(BackendError):
    """The input breaks a rule. `field` names the part that does."""

    def __init__(self, detail: str, *, field: str | None = None, advice: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.field = field


class NotFoundError(BackendError):
    """This deployment does not have the resource, or this app's identity can't see it."""


class ConflictError(BackendError):
    """The resource exists, but the request conflicts with its current state."""


class NotConfiguredError(BackendError):
    """A setting, or the app's own identity, is missing."""


class AzureError(BackendError):
    """Azure did not do what was requested."""


class Cause(msgspec.Struct, frozen=True):
    """Why Azure refuses a request. `words` states the cause, `advice` who can remove it and how.

    - `is_missing_right`: a right would remove the cause.
    - `is_settling`: Azure is still changing the resource, which takes seconds or minutes.
    - `is_absence`: with a 404, the resource does not exist.
    - `is_of_key`: the storage account's key or signature is not valid, and another one removes the cause.
    - `is_busy`: another operation on the same resource is in progress.
    """

    words: str
    advice: str = ""
    is_missing_right: bool = False
    is_settling: bool = False
    is_absence: bool = True
    is_of_key: bool = False
    is_busy: bool = False


class AzureRefusedError(AzureError):
    """Azure returned an error. `status` is the HTTP status. `code` is Azure's code, with a nested one after a slash.

    A status has many causes. `cause` is the one that the code and the message name, or None if they name none.
    """

    def __init__(  # noqa: PLR0913 - all that is known about a refusal
        self,
        detail: str,
        *,
        status: int,
        code: str = "",
        retry_after: float = 0,
        cause: Cause | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(detail, advice=advice)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.cause = cause

    def has_code(self, code: str) -> bool:
        """Return whether Azure sent a code, alone or nested, case-insensitive."""
        return code.lower() in self.code.lower().split("/")

    @property
    def is_missing_right(self) -> bool:
        """Whether a missing right is the cause. Firewalls, policies, locks and more refuse with the same status."""
        return self.cause is not None and self.cause.is_missing_right

    @property
    def is_settling(self) -> bool:
        """Whether Azure is still recovering or deleting the resource. The same call works soon."""
        return self.cause is not None and self.cause.is_settling


class IdentityRefusedError(AzureRefusedError):
    """The managed identity's endpoint returned no token, so no request reached Azure. `status` is the endpoint's."""


class AzureUnreachableError(AzureError):
    """Azure sent no usable response. The operation might have completed."""


class UnreadableResponseError(Exception):
    """A response does not have its documented form.

    The text is a reason that completes "Couldn't <do something>: " and ends with a period, such as "the response is not
    a list." What to do is `advice`, which is "Try again." unless it is given.
    """

    def __init__(self, reason: str, *, advice: str = TRY_AGAIN) -> None:
        super().__init__(reason)
        self.advice = advice


def changed_nothing(error: BackendError) -> bool:
    """Return whether an error shows that a write had no effect: Azure's status is 400-499, and not 408.

    After a 5xx, a 408 or a timeout the write might have taken effect, or might still do so.
    """
    if isinstance(error, AzureRefusedError):
        return _BAD_REQUEST <= error.status < _SERVER_ERROR and error.status != _REQUEST_TIMEOUT
    return not isinstance(error, AzureError)


class NotSignedInError(BackendError):
    """The caller is not signed in."""


class NotAllowedError(BackendError):
    """The caller is signed in but lacks the permission that `permission` names."""

    def __init__(self, detail: str, *, permission: str | None = None, advice: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.permission = permission
