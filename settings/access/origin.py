"""Cross-site protection: a browser may send a POST only from this app's own pages."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from backend.errors import NotAllowedError
from backend.text.quoting import is_surely_a_key
from backend.text.redaction import public_url

OTHER_SITES: Final = ("cross-site", "same-site")
_ORIGIN: Final = r"null|https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"


def refuse_other_origins(headers: Mapping[str, str]) -> None:
    """Refuse a request that a browser sends on behalf of another site.

    Raises:
        NotAllowedError: `Sec-Fetch-Site` names another site. If it is missing: `Origin` is not this app's.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site.strip().lower() in ("same-origin", "none"):
            return
        relation = site.strip().lower()
        detail = f" (Sec-Fetch-Site: {relation})" if relation in OTHER_SITES else ""
        raise NotAllowedError(f"This POST comes from another site{detail}, which is not allowed.")
    origin = headers.get("origin")
    if origin is None:
        return
    host = headers.get("host", "")
    own = {_origin(headers.get("x-ms-original-url", "")), _origin(f"http://{host}"), _origin(f"https://{host}")}
    if _origin(origin) not in own - {None}:
        raise NotAllowedError(f"This POST comes from another site{_named(origin)}, which is not allowed.")


def _named(origin: str) -> str:
    """Return an origin's scheme, host and port for a message, or "" if a browser would not send it."""
    site = "/".join((public_url(origin) or origin).split("/", 3)[:3])
    is_usual = re.fullmatch(_ORIGIN, site) is not None and not is_surely_a_key(site.rpartition("/")[2])
    return f" (Origin: {site})" if is_usual else ""


def _origin(address: str) -> tuple[str, str, int] | None:
    """Return the scheme, host and port of a URL, or None if one is missing."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
