"""From where a browser may post: our own pages alone."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from settings.access import NotAllowedError


def refuse_other_origins(headers: Mapping[str, str]) -> None:
    """Refuse what a browser sends on behalf of another site.

    Raises:
        NotAllowedError: `Sec-Fetch-Site` says so; or, without it, an `Origin` that is not ours.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site.strip().lower() in ("same-origin", "none"):
            return
        raise NotAllowedError(f"This POST comes from another site (Sec-Fetch-Site: {site}), which is not allowed.")
    origin = headers.get("origin")
    if origin is None:
        return
    host = headers.get("host", "")
    ours = {_origin(headers.get("x-ms-original-url", "")), _origin(f"http://{host}"), _origin(f"https://{host}")}
    if _origin(origin) not in ours - {None}:
        raise NotAllowedError(f"This POST comes from another site (Origin: {origin}), which is not allowed.")


def _origin(address: str) -> tuple[str, str, int] | None:
    """Answer scheme, host and port of an address; None where it has none."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
