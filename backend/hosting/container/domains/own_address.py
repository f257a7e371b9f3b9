"""The host name that CIPP calls its own: in its table Config, else by the order in which Azure shows host names."""

from typing import Final
from urllib.parse import urlsplit

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.errors import BackendError
from backend.readings import text_of

_SCHEME: Final = "https://"


def own_address(clients: Clients) -> str:
    """Return the host name in CIPP's table Config, "" if it is unknown. Requires Storage Table Data Reader."""
    try:
        tables = clients.cipp_tables()
        if tables is None:
            return ""
        with while_trying_to("read CIPP's own address"):
            row = tables.get_table_client("Config").get_entity("InstanceProperties", "CIPPURL")
    except BackendError:
        return ""
    return host_of_address(text_of(row.get("Value")))


def host_of_address(text: str) -> str:
    """Return the host name of an address or of a host name, in lower case, "" if the text has neither. Pure."""
    address = text.strip().lower()
    try:
        return urlsplit(address if "://" in address else f"{_SCHEME}{address}").hostname or ""
    except ValueError:
        return ""
