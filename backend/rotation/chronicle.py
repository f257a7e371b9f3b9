"""What is told of a run: the journal, CIPP's Logbook, and the alerts.

It is written as the run goes on, every two seconds: a run that is killed has told what it did, and one over a
thousand keys is not held up by its story at the end. Alerts are written when the run ends, since one cause may concern
many keys. If a run is killed before, the next one alerts.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from backend.errors import AzureUnreachableError, BackendError
from backend.logbook import Line, Logbook
from backend.rotation.journal import Journal, KeyMemory, tried
from backend.rotation.report import Details, KeyReport, RunReport
from backend.rotation.telling import UNTOUCHED, Telling, Trouble, memory_of, of_untouched

NOTED_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Known:
    """What is known around a run: how to tell of it, CIPP's zone, each key's past, and the time.

    `lasting` is the reason of keys that every run postpones until a setting is corrected, "" if there is none.
    """

    telling: Telling
    zone: tzinfo
    memories: Mapping[str, KeyMemory]
    now: Callable[[], datetime]
    lasting: str = ""

    def is_news(self, report: KeyReport) -> bool:
        """Return whether something happened to the key. Pure."""
        if report.outcome == "postponed":
            return not self.lasting or report.reason != self.lasting
        return report.outcome != "unchanged"


class Chronicle:
    """The story of one run. A `quiet` one is only told where it did something: it comes every hour."""

    def __init__(
        self, journal: Journal, logbook: Logbook, run: RunReport, known: Known, *, quiet: bool = False
    ) -> None:
        self._quiet = quiet
        self._journal = journal
        self._logbook = logbook
        self._run = run
        self._known = known
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._told: list[tuple[KeyReport, Details]] = []  # and not written yet
        self._causes: set[str] = set()  # that have an entry
        self._troubles: list[Trouble] = []  # for the alerts
        self._noted = time.monotonic()
        self._warnings: list[str] = []
        if not quiet:
            journal.note(run)

    def tell(self, report: KeyReport, details: Details) -> None:
        """Count a key; a run in progress is noted every two seconds."""
        with self._lock:
            self._outcomes[report.outcome] += 1
            self._told.append((report, details))
            if self._known.is_news(report):
                self._quiet = False
            if time.monotonic() - self._noted < NOTED_EVERY_SECONDS:
                return
            self._noted = time.monotonic()
        self.note()

    def note(self) -> None:
        """Note how far the run is."""
        self._note(None)

    def end(self, now: datetime) -> list[str]:
        """Note that the run has ended; answer what is worth a warning, such as scopes that were lost."""
        self._note(now)
        return self._warnings

    def _note(self, ended: datetime | None) -> None:
        with self._lock:
            if self._quiet and not ended:
                return
            self._noted = time.monotonic()
            told, self._told = self._told, []
            run, quiet = self._counted(ended), self._quiet
        now = self._known.now().replace(microsecond=0)
        before = self._known.memories
        lines: list[Line] = []
        memories = [self._remembered(report, details, now, lines) for report, details in told]
        if ended:
            alerts, alerted = self._known.telling.alerts(self._troubles, before, now)
            lines += alerts
            memories += [*alerted, *self._over()]
        if not quiet:
            self._journal.note(run, [report for report, _ in told])
        latest = {memory.name: memory for memory in memories}
        self._journal.remember(memory for memory in latest.values() if memory != before.get(memory.name))
        self._logbook.write(lines, now, self._known.zone)

    def _over(self) -> list[KeyMemory]:
        """Return what is to be remembered of failures before a key was touched: this run touched some."""
        memory = memory_of(UNTOUCHED, self._known.memories)
        return [replace(memory, failures=0)] if memory.failures else []

    def _counted(self, ended: datetime | None) -> RunReport:
        seconds = round((ended - self._run.started).total_seconds(), 1) if ended else None
        return msgspec.structs.replace(
            self._run,
            ended=ended,
            seconds=seconds,
            rotated=self._outcomes["rotated"],
            unchanged=self._outcomes["unchanged"],
            failed=self._outcomes["failed"],
            postponed=self._outcomes["postponed"],
        )

    def _remembered(self, report: KeyReport, details: Details, now: datetime, lines: list[Line]) -> KeyMemory:
        """Return what is to be remembered of a key, and add to the lines what the Logbook shows of it."""
        telling = self._known.telling
        name = report.name.lower()
        before = self._known.memories.get(name, KeyMemory(name))
        memory = tried(before, report, now, is_revoked=details.is_revoked, is_unsettled=details.is_unsettled)
        scopes = details.scopes
        if scopes is not None:
            if lost := frozenset(before.scopes.split()) - scopes:
                warning = f"{report.name}: fewer scopes than last time; gone: {' '.join(sorted(lost))}."
                self._warnings.append(warning)
                lines.append(replace(telling.line(report), message=warning, severity="Warning"))
            memory = replace(memory, scopes=" ".join(sorted(scopes)))
        unknown = telling.is_unknown(report)
        trouble = Trouble(report, details, memory)
        is_shared = trouble.cause != ""
        if is_shared and not unknown and self._is_new(trouble.cause):
            cause = memory_of(trouble.cause, self._known.memories)
            lines.append(telling.line_of_cause(trouble, cause, now))
        is_news = report.outcome == "failed" and not is_shared and not (unknown and before.told_unknown)
        if report.outcome == "rotated" or is_news:
            lines.append(telling.line(report, is_first_silence=trouble.is_first_silence))
        told_unknown = before.told_unknown or (memory.failures > 0 and not is_shared)
        memory = replace(memory, told_unknown=unknown and told_unknown)
        trouble = replace(trouble, memory=memory)
        if telling.is_worth_an_alert(trouble, now):
            self._troubles.append(trouble)
        return memory

    def _is_new(self, cause: str) -> bool:
        """Return whether a cause has no entry yet, and count it as one that has."""
        with self._lock:
            is_new = cause not in self._causes
            self._causes.add(cause)
        return is_new


def tell_of_untouched(  # noqa: PLR0913 - who failed, when and where
    journal: Journal, logbook: Logbook, *, by: str, error: BackendError, now: datetime, zone: tzinfo
) -> None:
    """Write to the Logbook that a run by the clock failed before it touched a key. Nobody reads its response."""
    message = f"The key rotation by {by} failed before it touched a key. {error} {error.advice or ''}".rstrip()
    memory = memory_of(UNTOUCHED, journal.keys())
    lines, memory = of_untouched(message, memory, now, is_timeout=isinstance(error, AzureUnreachableError))
    logbook.write(lines, now, zone)
    journal.remember([memory])
