"""Why no usable response came, by the types of an error and its causes. Pure.

The text of a library's error is never repeated: it contains addresses with their queries, and whole responses. Types
are compared by name, so that no library is loaded for the comparison.
"""

import errno
from collections.abc import Iterator
from typing import Any, Final

from backend.text.redaction import public_url

UNREADABLE: Final = "was not readable"  # the end of a reason if there was a response
_MOST_LINKS: Final = 30  # of one chain of causes
_REDIRECTS: Final = frozenset({"TooManyRedirects", "TooManyRedirectsError", "RedirectError"})
# Names of types, and of system errors. The first match counts. The types are built in or from http.client, ssl,
# urllib3, requests, httpx, azure-core and kiota.
_REASONS: Final = (
    ({"gaierror", "NameResolutionError"}, "the name {host} was not resolved"),
    ({"ProxyError"}, "the proxy did not open a connection to {host}"),
    ({"SSLEOFError", "SSLZeroReturnError"}, "the connection to {host} was cut"),
    ({"SSLCertVerificationError", "CertificateError"}, "the TLS certificate of {host} was not accepted"),
    ({"SSLError"}, "the TLS connection to {host} failed"),
    ({"ConnectionRefusedError", "ECONNREFUSED"}, "{host} refused the connection"),
    ({"ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN"}, "no network route leads to {host}"),
    (
        {"ConnectTimeout", "ConnectTimeoutError", "ServiceRequestTimeoutError"},
        "{host} did not accept a connection in time",
    ),
    ({"TimeoutError", "Timeout", "TimeoutException", "ServiceResponseTimeoutError"}, "{host} did not respond in time"),
    (
        {
            *("JSONDecodeError", "UnicodeDecodeError", "DecodeError", "DecodingError", "ContentDecodingError"),
            *("DeserializationError", "SerializationError", "BackingStoreError", "ODataV4Error"),
        },
        f"the response of {{host}} {UNREADABLE}",
    ),
    (
        {
            *("ConnectionResetError", "ConnectionAbortedError", "BrokenPipeError", "RemoteDisconnected"),
            *("IncompleteRead", "IncompleteReadError", "ProtocolError", "RemoteProtocolError", "ChunkedEncodingError"),
            *("NetworkError", "StreamError", "ServiceResponseError", "ConnectionError"),
        },
        "the connection to {host} was cut",
    ),
)


def is_redirect(error: BaseException) -> bool:
    """Return whether a host responded with a redirect."""
    return any(_kinds(link) & _REDIRECTS for link in _chain(error)) or 300 <= status_of(error) < 400  # noqa: PLR2004 - HTTP's redirects


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error, or 0 if it has no status."""
    for link in _chain(error):
        holders = (link, getattr(link, "response", None))
        names = ("status_code", "response_status_code", "status")
        status = next((status for holder in holders for name in names if (status := _number(holder, name))), 0)
        if status:
            return status
    return 0


def host_of(error: BaseException) -> str:
    """Return the host that was called, with the port if it is named."""
    return next((host for link in _chain(error) if (host := _host(link))), "the host")


def reason_of(error: BaseException) -> str:
    """Return what happened and at which host, without any text of a library."""
    host, kinds = host_of(error), set[str]().union(*map(_kinds, _chain(error)))
    reason = next((words for names, words in _REASONS if kinds & names), None)
    if reason:
        return reason.format(host=host)
    if status := status_of(error):
        return f"the response of {host} with status {status} {UNREADABLE}"
    return f"{type(error).__name__} on the way to {host}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, from all attributes in which libraries keep them."""
    links: list[Any] = [error]
    chain: list[BaseException] = []
    while links and len(chain) < _MOST_LINKS:
        link = links.pop(0)
        if not isinstance(link, BaseException) or any(link is other for other in chain):
            continue
        chain.append(link)
        yield link
        links += [link.__cause__, None if link.__suppress_context__ else link.__context__]
        links += [getattr(link, "inner_exception", None), getattr(link, "reason", None), *link.args]


def _kinds(error: BaseException) -> set[str]:
    """Return the names of an error's types, and of its system error if it has one."""
    names = {kind.__name__ for kind in type(error).__mro__}
    number = getattr(error, "errno", None)
    return names | {errno.errorcode.get(number, "")} if isinstance(number, int) else names


def _number(holder: object, name: str) -> int:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else 0  # noqa: PLR2004 - HTTP's statuses


def _host(error: BaseException) -> str | None:
    """Return the host and port of the failed call, as the library's error has them."""
    for way in (("request", "url"), ("response", "request", "url"), ("conn", "host"), ("pool", "host")):
        value: Any = error
        try:
            for name in way:
                value = getattr(value, name)
        except (AttributeError, RuntimeError):  # httpx raises if an error has no request
            continue
        address = str(value) if way[-1] == "url" else f"https://{value}"
        if public := public_url(address):
            return public.partition("//")[2].partition("/")[0]
    return None
