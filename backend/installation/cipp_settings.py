"""The few settings of CIPP's main app that this app depends on. Requires Website Contributor on the app.

All other values are dropped when the settings are read, because they may be secrets.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import NotFoundError
from backend.installation.installation import Deployment
from backend.readings import properties_of, text_or_none

LIFETIME_SECONDS: Final = 60.0
FAILURE_SECONDS: Final = 5.0  # how long a failure counts, since any signed-in caller may cause this read
# Source: CIPP's contract, the states of an installation and the table of its users. None of them is a secret, except
# App__Auth__UserStorageConnection, of which only the presence is kept.
_KEPT: Final = re.compile(r"CIPP_HOSTED|CIPP_KV_NAME|App(?:__|:)Auth(?:__|:)\w+", re.IGNORECASE)
_SECRET: Final = re.compile(r".*(?:Connection|Secret|Key|Password)\w*", re.IGNORECASE)
PRESENT: Final = "***"


@dataclass(frozen=True)
class CippSettings:
    """The settings by name in lower case, and when they were read, by the monotonic clock."""

    read: float
    values: Mapping[str, str]

    @property
    def is_hosted(self) -> bool:
        """Whether CyberDrain hosts this CIPP."""
        return self.values.get("cipp_hosted", "").strip().lower() == "true"


class CippSettingsInAzure:
    """The settings with one cached result for all callers in this process."""

    def __init__(self, clients: Clients, deployment: Callable[[], Deployment]) -> None:
        self._clients = clients
        self._deployment = deployment
        self._cached = Cached(
            self._read, action="read CIPP's settings", lifetime=LIFETIME_SECONDS, failure_seconds=FAILURE_SECONDS
        )

    def current(self, deadline: Deadline | None = None, seat: Seat = NOT_NEEDED) -> CippSettings:
        """Return the settings, at most `LIFETIME_SECONDS` old.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            NotFoundError: The main app is unknown.
            AzureError: Azure refused or timed out.
        """
        return self._cached.get(deadline, seat=seat)

    def last(self) -> CippSettings | None:
        """Return the last result without waiting, None before the first, and begin to read it again if it is old."""
        self._cached.begin()
        return self.peek()

    def peek(self) -> CippSettings | None:
        """Return the last result, however old, None before the first."""
        return self._cached.peek()

    def _read(self) -> CippSettings:
        deployment = self._deployment()
        subscription, group = deployment.group()
        name = deployment.main_app
        if not name:
            raise NotFoundError("CIPP's main app is unknown.", advice="Set CIPP_FUNCTION_APP.")
        began = time.monotonic()
        with while_trying_to(f"read the settings of '{name}'"):
            shown = fetched(self._clients.web(subscription).web_apps.list_application_settings, group, name)
        texts = {key: text_or_none(value) or "" for key, value in properties_of(shown).items() if _KEPT.fullmatch(key)}
        return CippSettings(
            began, {key.lower(): PRESENT if _SECRET.fullmatch(key) else value for key, value in texts.items()}
        )
