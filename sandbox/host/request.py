"""Convert a request to the data that the host sends to the worker."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from azure.functions.meta import Datum
from starlette.requests import Request

from sandbox.host import principal
from sandbox.host.context import Trace


def datum(request: Request, body: bytes, route_params: Mapping[str, str], caller: str | None) -> Datum:
    """Return the trigger's datum.

    Args:
        request: The request as received.
        body: Its body.
        route_params: The decoded values of the route.
        caller: The principal header to add if the request has none.
    """
    headers = _joined(request.headers.items())
    if caller is not None:
        headers.setdefault(principal.HEADER, caller)
    # latin-1 and surrogates: a byte that is not ASCII must reach the handler unchanged
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Datum(
        {
            "method": _text(request.method),
            "url": _text(url(request)),
            "headers": _texts(headers),
            "query": _texts({name: value for name, value in _joined(query).items() if value}),
            "params": _texts(route_params),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def url(request: Request) -> str:
    """Return the full URL, with the path and query still encoded."""
    host = request.headers.get("host", "localhost")
    query = request.scope["query_string"].decode("latin-1")
    return f"http://{host}{raw_path(request)}{'?' if query else ''}{query}"


def raw_path(request: Request) -> str:
    """Return the path as received, still encoded."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("latin-1")


def trace(request: Request) -> Trace:
    """Return the caller's W3C trace context."""
    return Trace(request.headers.get("traceparent", ""), request.headers.get("tracestate", ""))


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join repeated values with a comma. Names are case-insensitive, and the first spelling is kept."""
    spelled: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _text(value: str) -> Datum:
    return Datum(value, "string")


def _texts(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: _text(value) for name, value in values.items()}
