"""What can go wrong, by outcome, and the one place where foreign errors are translated.

BackendError
|-- InvalidInputError          what the caller asked breaks a rule
|-- NotFoundError              this deployment has no such thing
|-- ConflictError              the thing is there, but in no state for this
|-- NotConfiguredError         a setting or an identity is missing
`-- AzureError                 the far side did not do it
    |-- AzureRefusedError      Azure answered no; `status` is its answer
    `-- AzureUnreachableError  no answer came; it may or may not have happened
"""

import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from backend.quoting import without
from backend.redaction import redact
from backend.refusals import Refusal, refusal_of_azure_core, refusal_of_graph
from backend.unreachable import host_of, is_redirect, reason_of, status_of

_BAD_REQUEST, _REQUEST_TIMEOUT, _SERVER_ERROR = 400, 408, 500


class BackendError(Exception):
    """An outcome that the caller is told; the message says what was tried and what to do.

    `advice` repeats what to do, where it is known apart from the message.
    """

    advice: str | None = None


class InvalidInputError(BackendError):
    """The input breaks a rule; `field` names the part of it."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(BackendError):
    """This deployment has no such thing, or our identity may not see it."""


class ConflictError(BackendError):
    """The thing is there, but what was asked does not fit its state."""


class NotConfiguredError(BackendError):
    """A setting, or the app's own identity, is missing."""


class AzureError(BackendError):
    """The far side did not do what was asked."""


class AzureRefusedError(AzureError):
    """Azure answered no. `status` is its HTTP status, `code` its error code.

    `retry_after` is for how many seconds it wants to be left alone, 0 where it does not say.
    """

    def __init__(self, message: str, *, status: int, code: str = "", retry_after: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class AzureUnreachableError(AzureError):
    """No answer came. What was asked may or may not have happened."""


def changed_nothing(error: BackendError) -> bool:
    """Return whether an error proves that a write had no effect: Azure's status is 400-499, and not 408.

    After a 5xx, a 408 or a timeout the write may have taken effect, or may do so later.
    """
    if isinstance(error, AzureRefusedError):
        return _BAD_REQUEST <= error.status < _SERVER_ERROR and error.status != _REQUEST_TIMEOUT
    return not isinstance(error, AzureError)


@contextmanager
def while_trying_to(action: str, *, withhold: Collection[str] = ()) -> Iterator[None]:
    """Translate what the SDKs raise into our tree; `action` completes "Tried to ...".

    `withhold` are a caller's texts that Azure's own words may repeat, and this app must not.

    Raises:
        NotFoundError: Azure answered 404.
        AzureRefusedError: Azure answered any other error; the message names the missing right, if that is it.
        AzureUnreachableError: No answer came.
    """
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        translated = _translated(action, error)
        if translated is None:
            raise
        if withhold:
            translated.args = (without(str(translated), withhold),)
        raise translated from error


def _translated(action: str, error: Exception) -> BackendError | None:
    """Say what a foreign error means; None where it is a mistake of our own."""
    if _is_a(error, "azure.core.exceptions", "HttpResponseError") and _is_no(getattr(error, "status_code", None)):
        return _refused(action, refusal_of_azure_core(error))
    if _is_a(error, "kiota_abstractions.api_error", "APIError") and _is_no(
        getattr(error, "response_status_code", None)
    ):
        return _refused(action, refusal_of_graph(error))
    if _is_a(error, "azure.core.exceptions", "ClientAuthenticationError"):
        return _without_token(action, str(error))
    if isinstance(error, OSError) or any(_is_a(error, *silence) for silence in _SILENCES):
        return _no_response(action, error)
    return None


def _no_response(action: str, error: Exception) -> AzureUnreachableError:
    """Return the error for a missing response. The library's own text is not repeated: it may hold a credential."""
    if is_redirect(error):
        return AzureUnreachableError(
            f"Tried to {action}, but {host_of(error)} responded with a redirect ({status_of(error) or 'too many'}). "
            "The app does not follow redirects, because the credential would go along. "
            "Check CIPP_CLOUD and the proxy of this app."
        )
    return AzureUnreachableError(
        f"Tried to {action}, but Azure did not answer ({reason_of(error)}). "
        "It may or may not have happened: look before you try again."
    )


# What the SDKs, requests (msal) and httpx (Graph) raise when no answer comes, or none that can be read.
_SILENCES = (
    ("azure.core.exceptions", "AzureError"),
    ("azure.core.exceptions", "DeserializationError"),
    ("azure.core.exceptions", "SerializationError"),
    ("requests.exceptions", "RequestException"),
    ("urllib3.exceptions", "HTTPError"),
    ("httpx", "HTTPError"),
    ("httpx", "StreamError"),
    ("httpx", "InvalidURL"),
    ("httpx", "CookieConflict"),
    ("kiota_abstractions.api_error", "APIError"),
    ("kiota_http._exceptions", "KiotaHTTPXError"),
    ("msal.exceptions", "MsalError"),
    ("json", "JSONDecodeError"),
)


def _is_a(error: Exception, module: str, name: str) -> bool:
    """Tell whether the error is of that class, without importing a module that never was."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def _is_no(status: int | None) -> bool:
    """Tell whether a status refuses: an answer that could not be read may have a good one."""
    return status is not None and status >= 400  # noqa: PLR2004 - where HTTP's errors begin


def _refused(action: str, refusal: Refusal) -> BackendError:
    message = f"Tried to {action}, but Azure answered {refusal.sentence}"
    if refusal.status == 404:  # noqa: PLR2004 - the one status that says "not there"
        return NotFoundError(message)
    return AzureRefusedError(message, status=refusal.status, code=refusal.code, retry_after=refusal.retry_after)


def _without_token(action: str, words: str) -> AzureRefusedError:
    """Return the error for an identity without a token. azure-identity has the response in its text alone."""
    response = re.search(r"Token request error: \(\w+\) ([45]\d\d), (.*)", words)
    reason = (
        f"its endpoint returned {response[1]}, {redact(response[2])[:300]}" if response else "its endpoint gave none"
    )
    return AzureRefusedError(
        f"Tried to {action}, but this app got no token for its managed identity: {reason.rstrip('. ')}. "
        "Try again, and look whether it is on: az functionapp identity show --name <this app> --resource-group <group>",
        status=int(response[1]) if response else 401,
    )
