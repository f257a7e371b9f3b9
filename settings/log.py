"""What the log stream gets of the libraries: their warnings, not a line for each header of each request."""

import logging
from typing import Final

CHATTERING: Final = (
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.keyvault",
    "azure.mgmt",
    "httpx",
    "msal",
    "urllib3",
)


def quiet_libraries() -> None:
    """Let the libraries log from WARNING on; the Functions host sets the root logger to INFO."""
    for name in CHATTERING:
        logging.getLogger(name).setLevel(logging.WARNING)
