"""What App Service's log shows of a start that failed: the image was not pulled, or the container ended.

The log can contain anything, so only the kind of the failure is used, and no line is shown. The sentences are those
that people pasted from real logs: Azure/webapps-deploy#454 and #455, microsoft/PubSec-Info-Assistant#900. Never read
from real Azure by this app.
"""

import logging
import re
from datetime import datetime
from functools import partial
from typing import Final, Literal

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.installation.discovery import Discovery
from backend.readings import time_or_none

logger = logging.getLogger("cipp.versions")
Failure = Literal["", "pull", "exit"]
LONGEST_SECONDS: Final = 20.0
MOST_BYTES: Final = 1_000_000  # of the log. Azure returns its last lines
_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.\d+)?Z?\s")
_PULL: Final = re.compile(r"Image pull failed: Verify|pull image failed with reason: ImagePullFailure", re.IGNORECASE)
_EXIT: Final = re.compile(r"has exited, failing site start|terminated during site startup", re.IGNORECASE)


class StartLog:
    """The service of the log. Requires Microsoft.Web/sites/containerlogs/action on the site."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def failure(self, app: str, since: datetime, deadline: Deadline) -> Failure:
        """Return how a start since a time failed, "" if the log does not show it by the deadline. It never raises."""
        reading = background.start(partial(self._text, app), name="log of the container")
        try:
            text = background.by(min(deadline, Deadline.after(LONGEST_SECONDS)), reading, what="read the log")
        except BackendError as error:
            logger.info("The log of the container is unknown: %s", error)
            return ""
        return failure_in(text.decode("utf-8", "replace"), since)

    def _text(self, app: str) -> bytes:
        """Return the last lines. Azure sends them in parts, so no timeout of a read limits the whole time."""
        subscription, group = self._discovery.deployment().group()
        text = b""
        with while_trying_to(f"read the log of '{app}'"):
            parts = self._clients.web(subscription).web_apps.get_web_site_container_logs(group, app)
            for part in parts or ():
                text = (text + part)[-MOST_BYTES:]
        return text


def failure_in(log: str, since: datetime) -> Failure:
    """Return how the last start since a time failed, by the lines with a time. Pure."""
    found: Failure = ""
    for line in log.splitlines():
        match = _TIME.match(line.strip())
        at = time_or_none(f"{match[1]}T{match[2]}+00:00") if match else None
        if at is None or at < since:
            continue
        if _PULL.search(line):
            found = "pull"
        elif _EXIT.search(line) and not found:
            found = "exit"
    return found
