"""The uptimes of CIPP's apps, in any shape. They matter because CIPP reads its keys only once per process."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import datetime

from backend.concurrency.deadline import Deadline


@dataclass(frozen=True)
class Uptime:
    """One app. `since` is the start of its oldest process, None if unknown. An `idle` app is stopped."""

    name: str
    since: datetime | None
    idle: bool = False

    def started_after(self, moment: datetime) -> bool | None:
        """Return whether every process started after the moment, None if unknown."""
        if self.idle:
            return True
        return self.since > moment if self.since else None


class Uptimes(ABC):
    """The uptimes of CIPP's apps."""

    @abstractmethod
    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return the uptime of each app, or [] if the apps can't be listed. It never raises.

        Information that is missing at the deadline is unknown.
        """

    def all_since(self, now: datetime) -> datetime | None:
        """Return the time since when every app has run, or None if an uptime is unknown."""
        since = [now if uptime.idle else uptime.since for uptime in self.uptimes()]
        known = [start for start in since if start]
        return min(known) if known and len(known) == len(since) else None

    def not_restarted_since(self, moment: datetime) -> list[str] | None:
        """Return the apps that did not certainly start after the moment, or None if the apps can't be listed."""
        uptimes = self.uptimes()
        return [uptime.name for uptime in uptimes if not uptime.started_after(moment)] if uptimes else None


class UptimeLook(Uptimes):
    """One result of the uptimes, read on first use and shared by all parts of a run."""

    def __init__(self, uptimes: Uptimes, deadline: Deadline) -> None:
        """Create it for a run. No request starts or continues after the deadline, which is the end of the run."""
        self._uptimes = uptimes
        self.deadline = deadline
        self._lock = threading.Lock()
        self._seen: list[Uptime] | None = None

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return the shared result. Concurrent callers wait for it."""
        with self._lock:
            if self._seen is None:
                deadline = self.deadline if deadline is None else min(deadline, self.deadline)
                if deadline.expired:
                    return []
                self._seen = self._uptimes.uptimes(deadline)
            return list(self._seen)

    def restarted(self, name: str, moment: datetime) -> None:
        """Update the result: this run restarted an app, and Azure confirmed it at the moment."""
        with self._lock:
            self._seen = [
                replace(uptime, since=moment) if uptime.name.lower() == name.lower() else uptime
                for uptime in self._seen or []
            ]
