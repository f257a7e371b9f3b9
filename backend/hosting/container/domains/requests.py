"""When a caller requested a domain or its certificate, stored in a table.

Azure does not show either. So the console can state since when a domain waits for DNS, or for its certificate. Without
storage, nothing is stored, and the times are unknown.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.azure.clients import Clients
from backend.azure.own_table import OwnTable
from backend.errors import BackendError
from backend.installation.discovery import Discovery
from backend.readings import text_of, time_or_none

logger = logging.getLogger("cipp.domains")
TABLE: Final = "CippBackendDomains"


@dataclass(frozen=True)
class Requested:
    """The times of one domain: since when it is to be bound, and since when its certificate was requested."""

    domain: datetime | None = None
    certificate: datetime | None = None


NOTHING: Final = Requested()


class DomainRequests:
    """The service of these rows. A failed write is only logged: the times are for people."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._table = OwnTable(clients, TABLE)
        self._discovery = discovery

    def all(self) -> dict[str, Requested]:
        """Return the times by host name.

        Raises:
            BackendError: The table can't be read.
        """
        found = self._table.rows(self._partition, "read since when domains wait")
        return {
            text_of(row.get("RowKey")): Requested(time_or_none(row.get("Domain")), time_or_none(row.get("Certificate")))
            for row in found
        }

    def note(self, host: str, requested: Requested) -> None:
        """Store the times of a domain that are not None, and keep the others."""
        times = {"Domain": requested.domain, "Certificate": requested.certificate}
        row: dict[str, object] = {"PartitionKey": self._partition, "RowKey": host}
        row |= {name: time for name, time in times.items() if time}
        try:
            self._table.put(row, "store since when a domain waits", keeps_others=True)
        except BackendError as error:
            logger.warning("Failed to store since when a domain waits: %s", error)

    def forget(self, host: str) -> None:
        """Remove the times of a domain that no longer waits. If the row is missing, that is not an error."""
        try:
            self._table.remove(self._partition, host, "remove since when a domain waits")
        except BackendError as error:
            logger.warning("Failed to remove since when a domain waits: %s", error)

    @property
    def _partition(self) -> str:
        """The name of CIPP's main app, in lower case: a former one had other domains."""
        return (self._discovery.deployment().main_app or "").lower()
