"""Entra's errors, in its own wording."""

import uuid
from datetime import datetime
from typing import Final

from starlette.responses import JSONResponse, Response

HEADERS: Final = {
    "cache-control": "no-store, no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "p3p": 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
}


class EntraError(Exception):
    """A refusal by Entra. `number` is the AADSTS code."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.number = number
        self.message = message


def error_response(error: EntraError, host: str, correlation_id: str | None, now: datetime) -> Response:
    """Return the response for `error`."""
    trace = str(uuid.uuid4())
    correlation = correlation_id or str(uuid.uuid4())
    timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    return JSONResponse(
        {
            "error": error.error,
            "error_description": (
                f"AADSTS{error.number}: {error.message}\r\nTrace ID: {trace}\r\n"
                f"Correlation ID: {correlation}\r\nTimestamp: {timestamp}"
            ),
            "error_codes": [error.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://{host}/error?code={error.number}",
        },
        status_code=error.status,
        headers={**HEADERS, "x-ms-request-id": trace},
    )


def missing_parameter(name: str) -> EntraError:
    """Return the error for a missing form field."""
    return EntraError(
        400, "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
    )


def unknown_tenant(name: str, *, discovery: bool = False) -> EntraError:
    """Return the error for an unknown tenant."""
    return EntraError(
        400,
        "invalid_tenant" if discovery else "invalid_request",
        90002,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into "
        "the correct cloud. Check with your subscription administrator, this may happen if there are no "
        "active subscriptions for the tenant.",
    )


def unknown_application(app_id: str, tenant: str) -> EntraError:
    """Return the error for an application that is not in the tenant."""
    return EntraError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{app_id}' was not found in the directory '{tenant}'. This can happen "
        "if the application has not been installed by the administrator of the tenant or consented to by any "
        "user in the tenant. You may have sent your authentication request to the wrong tenant.",
    )
