"""How msal reaches Entra: one POST per token, retried while it helps, within a deadline.

msal asks for each tenant's openid-configuration before its first token. Entra's endpoints are the same for
every tenant of a cloud, so they are told here, which halves the calls of a run over a thousand tenants.
"""

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backend.loading import LOADING
from backend.pace import NoTimeLeftError
from backend.refusals import seconds_of

if TYPE_CHECKING:
    import requests

_DISCOVERY: Final = "/v2.0/.well-known/openid-configuration"
_BUSY: Final = (429, 500, 502, 503, 504)
_REDIRECTS: Final = 300  # HTTP's statuses from here
_REFUSALS: Final = 400  # and from here
_FIRST_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Told:
    """A response in the form that msal reads."""

    text: str
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Nothing to raise."""


class TokenEndpoint:
    """msal's http_client. A refusal is answered as it is; only a busy Entra is asked again."""

    def __init__(
        self,
        session: "requests.Session",
        timeouts: tuple[float, float],
        deadline_seconds: float,
        patient_until: float,
    ) -> None:
        """`patient_until` is the time, by the monotonic clock, until which a Retry-After is waited for."""
        self._session = session
        self._timeouts = timeouts
        self._ends_at = time.monotonic() + deadline_seconds
        self._patient_until = patient_until

    def get(self, url: str, **options: Any) -> Any:  # noqa: ANN401 - msal's interface
        """Return the discovery document from the tenant's address, and everything else from Entra.

        Raises:
            requests.TooManyRedirects: Entra responded with a redirect.
        """
        if not url.endswith(_DISCOVERY):
            return _no_redirect(self._session.get(url, timeout=self._timeouts, **options, allow_redirects=False))
        tenant = url.removesuffix(_DISCOVERY)
        return Told(
            json.dumps(
                {
                    "issuer": f"{tenant}/v2.0",
                    "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                }
            )
        )

    def post(self, url: str, **options: Any) -> Any:  # noqa: ANN401 - msal's interface
        """Ask for a token. It may be asked twice: an earlier token stays valid.

        Raises:
            NoTimeLeftError: Entra wants to be left alone for longer than there is time.
            requests.TooManyRedirects: Entra responded with a redirect. It is not followed: the body holds the
                credential.
        """
        wait = _FIRST_WAIT_SECONDS
        while True:
            answer = _no_redirect(self._session.post(url, timeout=self._timeouts, **options, allow_redirects=False))
            if answer.status_code not in _BUSY:
                return answer
            told = seconds_of(answer.headers.get("Retry-After"))
            wait = told or wait
            if told and time.monotonic() + told > self._patient_until:
                raise NoTimeLeftError(f"Entra wants to be left alone for {told:g} s, and there is no time for that.")
            if not told and time.monotonic() + wait > self._ends_at:
                return answer
            time.sleep(wait)
            wait *= 2

    def close(self) -> None:
        """Leave the session to whoever made it."""


def _no_redirect(response: "requests.Response") -> "requests.Response":
    """Return a response that is not a redirect: msal would read one as a broken response."""
    if _REDIRECTS <= response.status_code < _REFUSALS:
        with LOADING:
            from requests import TooManyRedirects  # noqa: PLC0415 - requests is loaded where a session is made

        raise TooManyRedirects("The response is a redirect.", response=response)
    return response
