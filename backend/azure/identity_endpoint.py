"""Responses of the managed identity's endpoint without a token.

azure-identity passes the response to msal, which reads only the body and expects JSON. An empty 403 becomes a
JSONDecodeError, and a list an AttributeError. So this module reads the response first, after the retries.
"""

import json
from typing import Any

from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline import PipelineRequest, PipelineResponse

from backend.azure.retry import BoundedRetry
from backend.readings import text_or_none


class NoTokenError(ClientAuthenticationError):
    """The endpoint responded without a token. `response` is its response."""


class TokenRetry(BoundedRetry):
    """The retries of a token request. A response without a token ends it."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send the request, and return the response with a token.

        Raises:
            NoTokenError: The last response does not contain a token.
        """
        response = super().send(request)
        if not _has_token(response.http_response):
            raise NoTokenError(message="no token", response=response.http_response)
        return response


def _has_token(response: Any) -> bool:  # noqa: ANN401 - azure-core has two types of responses
    """Return whether a response contains a token in the format of App Service."""
    if response.status_code != 200:  # noqa: PLR2004 - the one status with a token
        return False
    try:
        body = json.loads(response.text())
        return bool(text_or_none(body["access_token"])) and int(body["expires_on"]) > 0
    except (LookupError, TypeError, ValueError, RecursionError):
        return False
