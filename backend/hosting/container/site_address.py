"""The address of CIPP's container, for the pages that it serves without sign-in. Pure."""

import re
from typing import Final

from backend.readings import Json, properties_of, text_of, texts_of

_NAME: Final = r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"


def address_of(site: Json, site_suffix: str) -> str | None:
    """Return the https address of a site without a final slash, None if Azure shows no trustworthy host name.

    The default host name is read, never built: newer ones contain a hash and a region. It must be a host of the
    cloud's App Service, or be among the site's own host names.
    """
    properties = properties_of(site)
    host = text_of(properties.get("defaultHostName")).lower()
    bound = {name.lower() for name in texts_of(properties.get("hostNames"))}
    if not re.fullmatch(_NAME, host) or not (host.endswith(site_suffix) or host in bound):
        return None
    return f"https://{host}"
