"""Report a run: in the history, in CIPP's Logbook, and by alerts.

The report is written every two seconds while keys are finished. Otherwise the step of the run is written, at most every
five seconds. So an interrupted run has reported its work, and a run
over a thousand keys has little left to write when it completes. Alerts are written when the run completes, because one
cause can concern many keys. If a run is interrupted before, the next one alerts.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from backend.cipp.logbook import Logbook
from backend.cipp.results import Line
from backend.concurrency import correlation
from backend.errors import AzureUnreachableError, BackendError
from backend.rotation.planning.memory import KeyMemory, tried
from backend.rotation.reporting.journal import Journal
from backend.rotation.reporting.messages import UNTOUCHED, RunMessages, Trouble, memory_of, of_untouched
from backend.rotation.results import Details, KeyReport, RunReport
from backend.rotation.running.context import RunContext

NOTED_EVERY_SECONDS: Final = 2.0
SHOWN_EVERY_SECONDS: Final = 5.0


class Reporter:
    """Report one run. A `quiet` run, which starts every hour, is only reported if it did something."""

    def __init__(
        self, context: RunContext, journal: Journal, run: RunReport, memories: Mapping[str, KeyMemory], *, quiet: bool
    ) -> None:
        """`memories` are the history entries from earlier runs."""
        self._context = context
        self._messages = RunMessages(
            run.run_id, context.cipp.tenants, context.limits.key_rotation_warn_days, correlation.current()
        )
        self._quiet = quiet
        self._journal = journal
        self._logbook = context.services.logbook
        self._run = run
        self._memories = memories
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._unwritten: list[tuple[KeyReport, Details]] = []
        self._causes: set[str] = set()  # those with an entry in the Logbook
        self._troubles: list[Trouble] = []  # for the alerts
        self._noted = time.monotonic()
        self._step = run.step
        self._shown: tuple[str | None, int] = (run.step, 0)  # the step and the number of keys in the row
        self._warnings: list[str] = []
        if not quiet:
            journal.note(run)

    def add(self, report: KeyReport, details: Details) -> None:
        """Add the report of a key. A run in progress is written every two seconds."""
        with self._lock:
            self._outcomes[report.outcome] += 1
            self._unwritten.append((report, details))
            if self._is_news(report):
                self._quiet = False
            if time.monotonic() - self._noted < NOTED_EVERY_SECONDS:
                return
            self._noted = time.monotonic()
        self.write()

    def begin(self, step: str) -> None:
        """Note what the run does now. It is written with the next report, or by `show`."""
        with self._lock:
            self._step = step

    def write(self) -> None:
        """Write the progress of the run."""
        self._write(None)

    def show(self) -> None:
        """Write the step of the run if it is new, at most every five seconds."""
        with self._lock:
            run = self._counted(None)
            is_recent = time.monotonic() - self._noted < SHOWN_EVERY_SECONDS
            if self._quiet or is_recent or (run.step, run.done) == self._shown:
                return
            self._noted, self._shown = time.monotonic(), (run.step, run.done)
        self._journal.show(run)

    def end(self, now: datetime) -> list[str]:
        """Write that the run has completed. Return the warnings, such as lost scopes."""
        self._write(now)
        return self._warnings

    def give_up(self, now: datetime) -> None:
        """Write that the run has failed, so that its row does not stay open."""
        with self._lock:
            run, quiet = self._counted(now), self._quiet
        if not quiet:
            self._journal.note(run)

    def _write(self, ended: datetime | None) -> None:
        with self._lock:
            if self._quiet and not ended:
                return
            self._noted = time.monotonic()
            unwritten, self._unwritten = self._unwritten, []
            run, quiet = self._counted(ended), self._quiet
            self._shown = (run.step, run.done)
        now = self._context.vault.now().replace(microsecond=0)
        before = self._memories
        lines: list[Line] = []
        memories = [self._remembered(report, details, now, lines) for report, details in unwritten]
        if ended:
            alerts, alerted = self._messages.alerts(self._troubles, before, now)
            lines += alerts
            memories += [*alerted, *self._over()]
        if not quiet:
            self._journal.note(run, [report for report, _ in unwritten])
        latest = {memory.name: memory for memory in memories}
        self._journal.remember(memory for memory in latest.values() if memory != before.get(memory.name))
        self._logbook.write(lines, now, self._context.cipp.zone)

    def _over(self) -> list[KeyMemory]:
        """Return the reset entry for runs that failed before they touched a key, because this run touched some."""
        memory = memory_of(UNTOUCHED, self._memories)
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
            done=self._outcomes.total(),
            step=None if ended else self._step,
        )

    def _remembered(self, report: KeyReport, details: Details, now: datetime, lines: list[Line]) -> KeyMemory:
        """Return the new history entry of a key, and add its Logbook entries to `lines`."""
        messages = self._messages
        name = report.name.lower()
        before = self._memories.get(name, KeyMemory(name))
        memory = tried(before, report, now, is_revoked=details.is_revoked, is_unsettled=details.is_unsettled)
        scopes = details.scopes
        if scopes is not None:
            if lost := frozenset(before.scopes.split()) - scopes:
                warning = (
                    f"{report.name}: the token has fewer scopes than last time. Missing: {' '.join(sorted(lost))}."
                )
                self._warnings.append(warning)
                lines.append(msgspec.structs.replace(messages.line(report), message=warning, severity="Warning"))
            memory = replace(memory, scopes=" ".join(sorted(scopes)))
        unknown = messages.is_unknown(report)
        trouble = Trouble(report, details, memory)
        is_shared = trouble.cause != ""
        if is_shared and not unknown and self._is_new(trouble.cause):
            cause = memory_of(trouble.cause, self._memories)
            lines.append(messages.line_of_cause(trouble, cause, now))
        is_news = report.outcome == "failed" and not is_shared and not (unknown and before.told_unknown)
        if report.outcome == "rotated" or is_news:
            lines.append(messages.line(report, is_first_timeout=trouble.is_first_timeout))
        told_unknown = before.told_unknown or (memory.failures > 0 and not is_shared)
        memory = replace(memory, told_unknown=unknown and told_unknown)
        trouble = replace(trouble, memory=memory)
        if messages.is_worth_an_alert(trouble, now):
            self._troubles.append(trouble)
        return memory

    def _is_news(self, report: KeyReport) -> bool:
        """Return whether a result is news. One that repeats in every run until a setting is corrected is not."""
        if report.outcome == "postponed":
            lasting = self._context.cipp.tenants_unknown
            return not lasting or report.reason != lasting
        return report.outcome != "unchanged"

    def _is_new(self, cause: str) -> bool:
        """Return whether a cause has no entry yet, and mark it as one that has."""
        with self._lock:
            is_new = cause not in self._causes
            self._causes.add(cause)
        return is_new


def report_untouched(  # noqa: PLR0913 - what failed, when and where
    journal: Journal, logbook: Logbook, *, by: str, error: BackendError, now: datetime, zone: tzinfo
) -> None:
    """Write to the Logbook that a scheduled run failed before it touched a key, because it has no caller."""
    message = f"The key rotation by {by} failed before it touched a key. {error}"
    memory = memory_of(UNTOUCHED, journal.keys())
    lines, memory = of_untouched(message, memory, now, is_timeout=isinstance(error, AzureUnreachableError))
    logbook.write(lines, now, zone)
    journal.remember([memory])
