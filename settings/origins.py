"""From where a browser may post: our own pages alone."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from backend.redaction import public_url
from settings.access import NotAllowedError

OTHER_SITES: Final = ("cross-site", "same-site")


def refuse_other_origins(headers: Mapping[str, str]) -> None:
    """Refuse what a browser sends on behalf of another site.

    Raises:
        NotAllowedError: `Sec-Fetch-Site` says so; or, without it, an `Origin` that is not ours.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site.strip().lower() in ("same-origin", "none"):
            return
        known = site.strip().lower()
        shown = f" (Sec-Fetch-Site: {known})" if known in OTHER_SITES else ""
        raise NotAllowedError(f"This POST comes from another site{shown}, which is not allowed.")
    origin = headers.get("origin")
    if origin is None:
        return
    host = headers.get("host", "")
    ours = {_origin(headers.get("x-ms-original-url", "")), _origin(f"http://{host}"), _origin(f"https://{host}")}
    if _origin(origin) not in ours - {None}:
        address = public_url(origin) or ""
        shown = f" (Origin: {'/'.join(address.split('/', 3)[:3])})" if "//" in address else ""
        raise NotAllowedError(f"This POST comes from another site{shown}, which is not allowed.")


def _origin(address: str) -> tuple[str, str, int] | None:
    """Answer scheme, host and port of an address; None where it has none."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
