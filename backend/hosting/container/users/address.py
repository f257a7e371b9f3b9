"""The address that a user of a container CIPP opens. Pure."""

import re
from typing import Final

from backend.hosting.container.site_address import address_of
from backend.readings import Json, properties_of, text_of, texts_of

_HOST: Final = r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"


def users_address(site: Json, stored: str, site_suffix: str) -> str | None:
    """Return the https address of CIPP, None if Azure shows no host name.

    `stored` is what CIPP stores as its own address. It counts if it is still bound to the site. Otherwise CIPP takes
    the first custom host name, so this does the same. A wildcard is not an address.
    """
    properties = properties_of(site)
    bound = [name.lower() for name in texts_of(properties.get("hostNames"))]
    own = re.sub(r"^https?://|/.*$", "", stored.strip().lower())
    default = text_of(properties.get("defaultHostName")).lower()
    custom = [name for name in bound if name != default and not name.endswith(site_suffix)]
    for host in (*(name for name in bound if name == own), *custom):
        if re.fullmatch(_HOST, host):
            return f"https://{host}"
    return address_of(site, site_suffix)
