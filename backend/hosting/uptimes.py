"""The uptimes of CIPP's apps, in any shape: since when each certainly has the keys that it reads.

CIPP reads its keys when a process starts. Since its version 10.8.5 of August 2026, it also reads them each night at
00:30 of its time zone, in the process that runs its permissions check.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backend.concurrency.deadline import Deadline


def restart_them(names: Sequence[str], before: datetime | None) -> str:
    """Return the instruction to restart apps, without the period. Pure."""
    when = f" before {before:%Y-%m-%d}" if before else ""
    apps = ", ".join(f"'{name}'" for name in names)
    return f"Restart {apps}{when}"


@dataclass(frozen=True)
class Uptime:
    """One app.

    - `since` is the start of its oldest process, or a later time at which it certainly read its keys. None is unknown.
    - An `idle` app is stopped.
    - `is_single`: it certainly runs on one instance, so that a sign of one of its processes counts for the app.
    """

    name: str
    since: datetime | None
    idle: bool = False
    is_single: bool = False

    def started_after(self, moment: datetime) -> bool | None:
        """Return whether every process started, or read its keys, after the moment. None is unknown."""
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
        """Return the time since when every app has its keys, or None if that is unknown for one."""
        since = [now if uptime.idle else uptime.since for uptime in self.uptimes()]
        known = [start for start in since if start]
        return min(known) if known and len(known) == len(since) else None

    def not_restarted_since(self, moment: datetime) -> list[str] | None:
        """Return the apps that did not certainly read their keys after it, or None if the apps can't be listed."""
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
