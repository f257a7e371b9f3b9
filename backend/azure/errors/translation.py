"""Translate the errors of the SDKs into errors of this app. Only this module does."""

import logging
import re
import sys
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from backend.azure.errors.refusal import Refusal, refusal_of_azure_core, refusal_of_graph
from backend.azure.errors.unreachable import UNREADABLE, host_of, is_redirect, reason_of, status_of
from backend.errors import (
    NOT_READABLE,
    TRY_AGAIN,
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    IdentityRefusedError,
    NotFoundError,
    UnreadableResponseError,
)
from backend.text.quoting import without
from backend.text.redaction import redact

logger = logging.getLogger("cipp.azure")
_BAD_REQUEST, _TOO_MANY, _SERVER_ERROR = 400, 429, 500
_IDENTITY_ADVICE = (
    "Try again. If the problem persists, check whether the identity is on: "
    "az functionapp identity show --name <this app> --resource-group <group>"
)


_LIBRARIES: Final = frozenset(
    {
        "azure",
        "httpx",
        "kiota_abstractions",
        "kiota_http",
        "kiota_serialization_json",
        "msal",
        "msgraph",
        "msgraph_core",
    }
)


@contextmanager
def while_trying_to(action: str, *, withhold: Collection[str] = ()) -> Iterator[None]:
    """Translate errors of the SDKs into errors of this app. `action` is a verb phrase that completes "Couldn't ...".

    `withhold` are texts of the caller that must not be shown, although Azure's message might repeat them.

    Raises:
        NotFoundError: Azure returned 404, and the subscription is visible.
        AzureRefusedError: Azure returned any other error. The message names the cause and who can remove it.
        AzureUnreachableError: Azure did not respond, or the response could not be read.
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
            translated.detail = without(translated.detail, withhold)
            translated.advice = without(translated.advice, withhold)
            translated.args = (translated.detail,)
        raise translated from error


def _translated(action: str, error: Exception) -> BackendError | None:  # noqa: PLR0911 - one return a kind of error
    """Return the error of this app for a library's error, or None if the error is internal."""
    if isinstance(error, UnreadableResponseError):
        return AzureUnreachableError(f"Couldn't {action}: {error}", advice=error.advice)
    if _is_a(error, "backend.azure.identity_endpoint", "NoTokenError"):
        return _without_token(action, refusal_of_azure_core(error))
    if _is_a(error, "azure.core.exceptions", "HttpResponseError") and _is_refusal(getattr(error, "status_code", None)):
        return _refused(action, refusal_of_azure_core(error))
    if _is_a(error, "kiota_abstractions.api_error", "APIError") and _is_refusal(
        getattr(error, "response_status_code", None)
    ):
        return _refused(action, refusal_of_graph(error))
    if _is_a(error, "azure.core.exceptions", "ClientAuthenticationError"):
        return _without_token(action, _in_words(str(error)))
    if isinstance(error, OSError) or any(_is_a(error, *kind) for kind in _NO_RESPONSE):
        return _no_response(action, error)
    if _is_of_a_library(error):
        logger.warning("Couldn't %s: error in a library (%s).", action, _place_of(error))
        return AzureUnreachableError(f"Couldn't {action}: {NOT_READABLE}", advice=TRY_AGAIN)
    return None


def _is_of_a_library(error: Exception) -> bool:
    """Return whether an Azure library failed in its own code, as it does for a response in an unexpected format."""
    if isinstance(error, ImportError):
        return False
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [place for place, name in enumerate(modules) if name.partition(".")[0] == __name__.partition(".")[0]]
    called = modules[own[-1] + 1 :] if own else modules
    return bool(called) and called[0].partition(".")[0] in _LIBRARIES


def _place_of(error: Exception) -> str:
    """Return the type of an error, and where it was raised. Its text is left out: it can contain a value."""
    frame, line = [*traceback.walk_tb(error.__traceback__)][-1]
    return f"{type(error).__name__} in {frame.f_globals.get('__name__')}, line {line}"


def _no_response(action: str, error: Exception) -> AzureUnreachableError:
    """Return the error for a missing response. The library's own text is left out: it can contain a credential."""
    if is_redirect(error):
        return AzureUnreachableError(
            f"Couldn't {action}: {host_of(error)} responded with a redirect ({status_of(error) or 'too many'}). "
            "The app does not follow redirects, because they would also receive the credential.",
            advice="Check CIPP_CLOUD and the proxy of this app.",
        )
    reason = reason_of(error)
    words = reason if reason.endswith(UNREADABLE) else f"Azure did not respond ({reason})"
    return AzureUnreachableError(
        f"Couldn't {action}: {words}. The operation might have completed.", advice="Check its result before you retry."
    )


# What the SDKs, requests (msal) and httpx (Microsoft Graph) raise without a response, or without a readable one.
_NO_RESPONSE = (
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
    """Return whether the error is of a class, without importing the class's module."""
    kind = getattr(sys.modules.get(module), name, None)  # also None while another thread loads the module
    return isinstance(kind, type) and isinstance(error, kind)


def _is_refusal(status: int | None) -> bool:
    """Return whether a status is an error. An unreadable response can have a successful status."""
    return status is not None and status >= _BAD_REQUEST


def _refused(action: str, refusal: Refusal) -> BackendError:
    detail = f"Couldn't {action}: Azure returned {refusal.reason}"
    if refusal.is_absence:
        return NotFoundError(detail, advice=refusal.advice)
    return AzureRefusedError(
        detail,
        status=refusal.status,
        code=refusal.code,
        retry_after=refusal.retry_after,
        cause=refusal.cause,
        advice=refusal.advice,
    )


def _in_words(text: str) -> Refusal | None:
    """Return the response that azure-identity names in its text, or None."""
    found = re.search(r"Token request error: \(\w+\) ([45]\d\d), (.*)", text)
    return Refusal(int(found[1]), "", redact(found[2])) if found else None


def _without_token(action: str, response: Refusal | None) -> IdentityRefusedError:
    """Return the error for an identity without a token. Without `response`, azure-identity raised before one came."""
    reason, advice = "azure-identity couldn't request one", _IDENTITY_ADVICE
    if response:
        words = " ".join(response.message.split())[:300].rstrip(". ")
        code = f" ({response.code})" if response.code else ""
        reason = f"its endpoint returned {response.status}{code}{f': {words}' if words else ''}"
        if response.status == _TOO_MANY or response.status >= _SERVER_ERROR:
            advice = f"Try again {f'after {response.retry_after:g} seconds' if response.retry_after else 'later'}."
        elif response.status < _BAD_REQUEST:
            reason = f"its endpoint returned {response.status} without a token"
    return IdentityRefusedError(
        f"Couldn't {action}: this app's managed identity got no token, because {reason}.",
        status=response.status if response else 401,  # as if without a token
        code=response.code if response else "",
        retry_after=response.retry_after if response else 0,
        advice=advice,
    )
