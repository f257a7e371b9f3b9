"""The HTTP client through which msal calls Microsoft Entra ID: one POST per token, with retries until a deadline.

msal reads each tenant's openid-configuration before its first token. Entra's endpoints are the same for every tenant
of a cloud, so this client returns them itself. That halves the calls of a run over a thousand tenants.
"""

import json
import time
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from backend.azure.errors.retry_after import seconds_to_wait
from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.concurrency.rate_limiter import NoTimeLeftError

if TYPE_CHECKING:
    import requests

_DISCOVERY: Final = "/v2.0/.well-known/openid-configuration"
_BUSY: Final = (429, 500, 502, 503, 504)
_REDIRECTS: Final = 300  # the first of these HTTP statuses
_REFUSALS: Final = 400  # likewise
_FIRST_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True)
class _Response:
    """A response in the form that msal reads."""

    text: str
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Raise nothing: the status is 200."""


class TokenEndpoint:
    """msal's http_client. It returns a refusal unchanged, and retries only if Entra is busy."""

    def __init__(
        self,
        session: "requests.Session",
        timeouts: tuple[float, float],
        deadline_seconds: float,
        deadline: Deadline,
    ) -> None:
        """Create the client. It retries for `deadline_seconds`, or until `deadline` if Entra sends a Retry-After."""
        self._session = session
        self._timeouts = timeouts
        self._retries = Deadline.after(deadline_seconds)
        self._deadline = deadline

    def get(self, url: str, **options: Any) -> Any:  # noqa: ANN401 - msal's interface
        """Return the tenant's discovery document, built from its address, or Entra's response to any other request.

        Raises:
            requests.TooManyRedirects: Entra responded with a redirect.
        """
        if not url.endswith(_DISCOVERY):
            return _no_redirect(self._session.get(url, timeout=self._timeouts, **options, allow_redirects=False))
        tenant = url.removesuffix(_DISCOVERY)
        return _Response(
            json.dumps(
                {
                    "issuer": f"{tenant}/v2.0",
                    "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{tenant}/oauth2/v2.0/devicecode",
                }
            )
        )

    def post(self, url: str, **options: Any) -> Any:  # noqa: ANN401 - msal's interface
        """Return the response to a token request. A retry is safe: an earlier token stays valid.

        Raises:
            NoTimeLeftError: Entra's Retry-After would pass the deadline.
            requests.TooManyRedirects: Entra responded with a redirect. It is not followed, because the body contains
                the credential.
        """
        wait = _FIRST_WAIT_SECONDS
        while True:
            response = _no_redirect(self._session.post(url, timeout=self._timeouts, **options, allow_redirects=False))
            if response.status_code not in _BUSY:
                return response
            retry_after = seconds_to_wait(response.headers)
            wait = retry_after or wait
            if retry_after and not self._deadline.allows(retry_after):
                raise NoTimeLeftError(
                    f"Microsoft Entra ID is throttling requests (Retry-After: {ceil(retry_after)} s), "
                    "and the run would exceed its time limit.",
                    retry_after=retry_after,
                    advice=f"Try again after {ceil(retry_after)} seconds.",
                )
            if not retry_after and not self._retries.allows(wait):
                return response
            time.sleep(wait)
            wait *= 2

    def close(self) -> None:
        """Leave the session open: it belongs to the caller."""


def _no_redirect(response: "requests.Response") -> "requests.Response":
    """Return the response if it is not a redirect, which msal would read as a broken response."""
    if _REDIRECTS <= response.status_code < _REFUSALS:
        with LOADING:
            from requests import TooManyRedirects  # noqa: PLC0415 - requests is loaded when a session is made

        raise TooManyRedirects("The response is a redirect.", response=response)
    return response
