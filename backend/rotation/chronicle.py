"""What is told of a run while it goes on and when it ends: the journal, CIPP's Logbook, and the alerts."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec

from backend.cipp_tables import Tenant
from backend.logbook import Line, Logbook
from backend.rotation.journal import Journal, KeyMemory, tried
from backend.rotation.report import KeyReport, RunReport

NOTED_EVERY_SECONDS: Final = 2.0
ONE_DAY: Final = timedelta(days=1)
API: Final = "Key Rotation"
ALERTS: Final = "Alerts"  # CIPP's notifications send the lines of this API
_NEW: Final = KeyMemory("")


class Chronicle:
    """The story of one run. A `quiet` one is only told where it did something: it comes every hour."""

    def __init__(self, journal: Journal, logbook: Logbook, run: RunReport, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._journal = journal
        self._logbook = logbook
        self._run = run
        self._lock = threading.Lock()
        self._told: list[KeyReport] = []
        self._noted = time.monotonic()
        if not quiet:
            journal.note(run)

    def tell(self, report: KeyReport) -> None:
        """Count a key; a run in progress is noted every two seconds."""
        with self._lock:
            self._told.append(report)
            if report.outcome != "unchanged":
                self._quiet = False
            if time.monotonic() - self._noted < NOTED_EVERY_SECONDS:
                return
        self.note()

    def note(self) -> None:
        """Note how far the run is."""
        with self._lock:
            self._noted = time.monotonic()
            run, quiet = self._counted(), self._quiet
        if not quiet:
            self._journal.note(run)

    def end(
        self,
        now: datetime,
        zone: tzinfo,
        *,
        tenants: Mapping[str, Tenant] | None,
        scopes: Mapping[str, frozenset[str]],
        warn_before: datetime,
    ) -> list[str]:
        """Write what there is to say for good; answer what is worth a warning, such as scopes that were lost."""
        memories = self._journal.keys()
        seconds = round((now - self._run.started).total_seconds(), 1)
        run = msgspec.structs.replace(self._counted(), ended=now, seconds=seconds)
        told = [tried(memories.get(name, KeyMemory(name)), report, now) for name, report in self._named()]
        warnings: list[str] = []
        changed, lines = [], []
        for report, memory in zip(self._told, told, strict=True):
            seen = scopes.get(memory.name.lower())
            if seen is not None:
                before = frozenset(memory.scopes.split())
                if lost := before - seen:
                    warnings.append(f"{report.name}: fewer scopes than last time; gone: {' '.join(sorted(lost))}.")
                    lines.append(replace(self._line(report, tenants), message=warnings[-1], severity="Warning"))
                memory = replace(memory, scopes=" ".join(sorted(seen)))  # noqa: PLW2901 - one memory, step by step
            changed.append(memory)
        unknown = frozenset(name for name, report in self._named() if _is_unknown(report, tenants))
        lines += [
            self._line(report, tenants)
            for name, report in self._named()
            if report.outcome == "rotated"
            or (report.outcome == "failed" and not (name in unknown and memories.get(name, _NEW).told_unknown))
        ]
        changed = [replace(m, told_unknown=m.name in unknown and (m.told_unknown or m.failures > 0)) for m in changed]
        alerts, changed = self._alerts(changed, now, warn_before, tenants, unknown)
        if not self._quiet:
            self._journal.note(run, self._told)
        self._journal.remember(memory for memory in changed if memory != memories.get(memory.name))
        self._logbook.write([*lines, *alerts], now, zone)
        return warnings

    def _counted(self) -> RunReport:
        counts = Counter(report.outcome for report in self._told)
        return msgspec.structs.replace(
            self._run,
            rotated=counts["rotated"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
            postponed=counts["postponed"],
        )

    def _named(self) -> list[tuple[str, KeyReport]]:
        """Answer what was told, with each key's name in lower case."""
        return [(report.name.lower(), report) for report in self._told]

    def _line(self, report: KeyReport, tenants: Mapping[str, Tenant] | None) -> Line:
        tenant = (tenants or {}).get(report.name.lower())
        is_tenants = report.kind == "TenantRefreshToken"
        what = f"{report.name}: {report.outcome}. {report.reason}"
        unknown = _is_unknown(report, tenants)
        return Line(
            api=API,
            message=what if report.outcome != "failed" else f"{what} {report.advice or ''}".rstrip(),
            severity="Info" if report.outcome != "failed" else ("Warning" if unknown else "Critical"),
            tenant=(tenant.domain or tenant.name) if tenant else "None",
            tenant_id=report.name.lower() if is_tenants else "None",
            data={"RunId": self._run.run_id, "Key": report.name, "Outcome": report.outcome},
        )

    def _alerts(
        self,
        memories: list[KeyMemory],
        now: datetime,
        warn_before: datetime,
        tenants: Mapping[str, Tenant] | None,
        unknown: frozenset[str],
    ) -> tuple[list[Line], list[KeyMemory]]:
        """Alert of each key that failed or is about to end, at most once a day and key."""
        lines, changed = [], []
        ends = {report.name.lower(): report.expires for report in self._told}
        for memory in memories:
            end = ends.get(memory.name)
            is_near = end is not None and end < warn_before
            is_worth_it = (memory.failures > 0 or is_near) and memory.name not in unknown
            told_today = memory.alerted is not None and now - memory.alerted < ONE_DAY
            if not is_worth_it or told_today:
                changed.append(memory)
                continue
            tenant = (tenants or {}).get(memory.name)
            why = memory.problem if memory.failures else f"It ends on {end:%Y-%m-%d}."
            lines.append(
                Line(
                    api=ALERTS,
                    message=f"CIPP's key {memory.name} needs you. {why} {memory.advice}".rstrip(),
                    severity="Critical",
                    tenant=(tenant.domain or tenant.name) if tenant else "None",
                    tenant_id=memory.name if tenant else "None",
                    data={"RunId": self._run.run_id, "Key": memory.name},
                )
            )
            changed.append(replace(memory, alerted=now))
        return lines, changed


def _is_unknown(report: KeyReport, tenants: Mapping[str, Tenant] | None) -> bool:
    """Tell whether a key is the token of a tenant that CIPP does not know; nothing is, where its table is silent."""
    return report.kind == "TenantRefreshToken" and tenants is not None and report.name.lower() not in tenants
