"""GET requests of public addresses without a credential of this app: CIPP's own site, and the registry of its image.

A response is limited in time, size and redirects. A redirect never receives the caller's Authorization header.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from backend.azure.errors.unreachable import reason_of
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.configuration.timeouts import Limits
from backend.errors import AzureUnreachableError
from backend.readings import Json, object_of

if TYPE_CHECKING:
    import requests

MOST_BYTES: Final = 65_536
_CHUNK: Final = 16_384
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_LONGEST_URL: Final = 8_192


class NoResponseError(Exception):
    """No usable response came. The text is the reason as a phrase, such as "ghcr.io did not respond in time"."""


@dataclass(frozen=True)
class WebResponse:
    """A response. The names of `headers` are in lower case. `body` is complete."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Json:
        """Return the JSON object of the body, {} if it is something else or if the content type is not JSON."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return {}
        try:
            return object_of(json.loads(self.body))
        except (ValueError, RecursionError):
            return {}


class PublicWeb:
    """The client of public addresses. It has its own connections, and stores no cookies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._made: requests.Session | None = None

    def get(
        self,
        url: str,
        *,
        deadline: Deadline,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        redirects: int = 0,
    ) -> WebResponse:
        """Return the response to a GET, complete by the deadline, after at most that many redirects.

        Raises:
            NoResponseError: No response came, or it is too large, or it is a redirect to an address that is not https.
        """
        work = partial(self._followed, url, dict(headers or {}), deadline, most_bytes, redirects)
        host = urlsplit(url).hostname
        try:
            # A host that sends byte after byte would pass every read timeout. So the wait ends at the deadline.
            return background.by(deadline, background.start(work, name="public web"), what=f"read {host}")
        except AzureUnreachableError as error:
            raise NoResponseError(f"{host} did not respond in time") from error

    def _followed(
        self, url: str, headers: dict[str, str], deadline: Deadline, most_bytes: int, redirects: int
    ) -> WebResponse:
        response = self._once(url, headers, deadline, most_bytes)
        for _ in range(redirects):
            if response.status not in _REDIRECTS:
                break
            url = _target(url, response.headers.get("location", ""))
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            response = self._once(url, headers, deadline, most_bytes)
        return response

    def _once(self, url: str, headers: dict[str, str], deadline: Deadline, most_bytes: int) -> WebResponse:
        limits = self._limits
        left = deadline.left
        if not left:
            raise NoResponseError(f"{urlsplit(url).hostname} did not respond in time")
        timeout = (min(limits.azure_connect_timeout_seconds, left), min(limits.azure_read_timeout_seconds, left))
        session = self._session()
        try:
            with session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as response:
                body = _body(response, deadline, most_bytes)
                shown = {name.lower(): value for name, value in response.headers.items()}
                return WebResponse(response.status_code, shown, body)
        except (OSError, ValueError, _http_error()) as error:  # requests' errors are OSErrors
            raise NoResponseError(reason_of(error)) from error

    def _session(self) -> "requests.Session":
        with LOADING:
            if self._made is None:
                from http.cookiejar import DefaultCookiePolicy  # noqa: PLC0415 - loaded with requests

                from backend.azure.transport import Connections  # noqa: PLC0415 - it imports requests

                session = Connections(most=4)
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                session.headers["User-Agent"] = "CIPP-Backend"
                self._made = session
            return self._made


def _http_error() -> type[Exception]:
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - loaded with requests

    return HTTPError


def _target(url: str, location: str) -> str:
    """Return the address that a redirect leads to.

    Raises:
        NoResponseError: It is not an https address, or contains a user name.
    """
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        is_fine = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_fine = False
    if not is_fine or not location or len(location) > _LONGEST_URL:
        raise NoResponseError(f"{urlsplit(url).hostname} responded with a redirect that was not followed")
    return target


def _body(response: Any, deadline: Deadline, most_bytes: int) -> bytes:  # noqa: ANN401 - requests has no types here
    """Return the body.

    Raises:
        NoResponseError: It is too large, or not complete by the deadline.
    """
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        host = urlsplit(str(response.url)).hostname
        if len(body) > most_bytes:
            raise NoResponseError(f"the response of {host} was too large")
        if time.monotonic() > deadline.at:
            raise NoResponseError(f"{host} did not respond in time")
    return bytes(body)
