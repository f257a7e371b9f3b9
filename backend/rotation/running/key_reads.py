"""Since when CIPP's apps have their keys, by their processes and by CIPP's tables. See `planning.evidence`."""

from collections.abc import Callable
from datetime import datetime

from backend.azure.clients import Clients
from backend.cipp.key_reads import read_key_reads
from backend.concurrency.deadline import Deadline
from backend.hosting.hosting import Processes
from backend.hosting.uptimes import Uptime, Uptimes
from backend.rotation.planning.evidence import is_shown_by_tables, with_evidence


class KeyReadTimes(Uptimes):
    """The uptimes of the processes, with what CIPP's tables show. These are read only if they can count."""

    def __init__(
        self, clients: Clients, processes: Processes, *, app_id: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        """`app_id` returns the ID of CIPP's app, "" if unknown."""
        self._clients = clients
        self._processes = processes
        self._app_id = app_id
        self._now = now

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return since when each app certainly has its keys. The tables are read within one call's time limit."""
        uptimes = self._processes.uptimes.uptimes(deadline)
        latest = Deadline.after(self._clients.limits.azure_deadline_seconds)
        latest = latest if deadline is None else min(deadline, latest)
        if latest.expired or not is_shown_by_tables(uptimes):
            return uptimes
        key_reads = read_key_reads(self._clients, self._processes.signs, self._now(), latest)
        return with_evidence(uptimes, key_reads, self._app_id())
