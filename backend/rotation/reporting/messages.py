"""Entries about keys in CIPP's Logbook, and alerts for the admin: one per cause, at most once a day. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from backend.cipp.log_entries import ALERTS_API, ROTATION_API
from backend.cipp.results import Line, Severity
from backend.cipp.tables import Tenant
from backend.rotation.planning.memory import KeyMemory
from backend.rotation.results import Details, KeyReport

ONE_DAY: Final = timedelta(days=1)
MANY: Final = 3  # so many keys that timed out in one run share an alert
NAMED: Final = 3  # keys in an alert of several
# The cause of every run that failed before it touched a key.
UNTOUCHED: Final = "the run failed before it touched a key"


@dataclass(frozen=True)
class Trouble:
    """A key that failed or expires soon. `memory` is its entry after this try."""

    report: KeyReport
    details: Details
    memory: KeyMemory

    @property
    def is_first_timeout(self) -> bool:
        """Whether this is the first timeout in a row, so that the next try may succeed. Pure."""
        return self.details.is_timeout and self.memory.failures <= 1

    @property
    def cause(self) -> str:
        """The cause that it shares with other keys, "" if the failure is its own."""
        return self.details.common_cause if self.report.outcome == "failed" else ""


@dataclass(frozen=True)
class RunMessages:
    """How one run reports keys. `tenants` are CIPP's, None if the table Tenants can't be read."""

    run_id: str
    tenants: Mapping[str, Tenant] | None
    warn_days: int
    correlation_id: str = ""

    def line(self, report: KeyReport, *, is_first_timeout: bool = False) -> Line:
        """Return the entry for the result of a key."""
        tenant = (self.tenants or {}).get(report.name.lower())
        is_tenants = report.kind == "TenantRefreshToken"
        severity: Severity = "Info"
        if report.outcome == "failed":
            severity = "Warning" if is_first_timeout or self.is_unknown(report) else "Critical"
        return Line(
            api=ROTATION_API,
            message=f"{report.name}: {report.outcome}. {report.text}",
            severity=severity,
            tenant=(tenant.domain or tenant.name) if tenant else "None",
            tenant_id=report.name.lower() if is_tenants else "None",
            data={
                "RunId": self.run_id,
                "Key": report.name,
                "Outcome": report.outcome,
                "CorrelationId": self.correlation_id or None,
            },
        )

    def line_of_cause(self, trouble: Trouble, memory: KeyMemory, now: datetime) -> Line:
        """Return the entry for all keys of a run that fail for one cause. It is critical at most once a day."""
        line = self.line(trouble.report, is_first_timeout=trouble.is_first_timeout)
        message = f"{line.message} Other keys that fail for this reason don't have their own entry."
        severity: Severity = "Error" if line.severity == "Critical" and is_of_today(memory, now) else line.severity
        return msgspec.structs.replace(line, message=message, severity=severity, tenant="None", tenant_id="None")

    def is_worth_an_alert(self, trouble: Trouble, now: datetime) -> bool:
        """Return whether the admin must know about a key: it failed, but not by a first timeout, or it expires soon."""
        if self.is_unknown(trouble.report):
            return False
        if trouble.report.outcome == "failed":
            return not trouble.is_first_timeout
        expires = None if trouble.details.is_spare else trouble.report.expires
        return expires is not None and expires < now + timedelta(days=self.warn_days)

    def alerts(
        self, troubles: Iterable[Trouble], memories: Mapping[str, KeyMemory], now: datetime
    ) -> tuple[list[Line], list[KeyMemory]]:
        """Return the alerts of a run, and the changed entries of the history.

        Each key and each cause leads to at most one alert a day. `memories` includes the entries of the causes.
        """
        worthy = [trouble for trouble in troubles if self.is_worth_an_alert(trouble, now)]
        by_cause: dict[str, list[Trouble]] = {}
        for trouble in worthy:
            if trouble.cause:
                by_cause.setdefault(trouble.cause, []).append(trouble)
        lines: list[Line] = []
        alerted: list[KeyMemory] = []
        for cause, members in by_cause.items():
            memory = memory_of(cause, memories)
            if not is_of_today(memory, now):
                lines.append(self._alert_of_several(members, "fail for the same reason"))
                alerted.append(replace(memory, alerted=now))
        own = [trouble for trouble in worthy if not trouble.cause and not is_of_today(trouble.memory, now)]
        alerted += [replace(trouble.memory, alerted=now) for trouble in own]
        timed_out = [trouble for trouble in own if trouble.report.outcome == "failed" and trouble.details.is_timeout]
        if len(timed_out) >= MANY:
            lines.append(self._alert_of_several(timed_out, "timed out at least twice in a row"))
            own = [trouble for trouble in own if trouble not in timed_out]
        return lines + [self._alert(trouble) for trouble in own], alerted

    def _alert(self, trouble: Trouble) -> Line:
        memory, report = trouble.memory, trouble.report
        tenant = (self.tenants or {}).get(memory.name)
        why = (
            f"{memory.problem} {memory.advice}"
            if report.outcome == "failed"
            else f"It expires on {report.expires:%Y-%m-%d}."
        )
        return Line(
            api=ALERTS_API,
            message=f"Action required for CIPP's key {memory.name}. {why}".rstrip(),
            severity="Critical",
            tenant=(tenant.domain or tenant.name) if tenant else "None",
            tenant_id=memory.name if tenant else "None",
            data={"RunId": self.run_id, "Key": memory.name},
        )

    def _alert_of_several(self, troubles: Sequence[Trouble], what: str) -> Line:
        if len(troubles) == 1:
            return self._alert(troubles[0])
        own_first = sorted(troubles, key=lambda trouble: trouble.report.kind == "TenantRefreshToken")
        names = ", ".join(trouble.report.name for trouble in own_first[:NAMED])
        more = f" and {len(troubles) - NAMED} more" if len(troubles) > NAMED else ""
        return Line(
            api=ALERTS_API,
            message=f"Action required for {len(troubles)} of CIPP's keys. They {what}: {names}{more}. "
            f"{own_first[0].report.text}",
            severity="Critical",
            data={"RunId": self.run_id, "Keys": len(troubles)},
        )

    def is_unknown(self, report: KeyReport) -> bool:
        """Return whether a key is the token of a tenant that is not in CIPP's table."""
        return (
            report.kind == "TenantRefreshToken" and self.tenants is not None and report.name.lower() not in self.tenants
        )


def is_of_today(memory: KeyMemory, now: datetime) -> bool:
    """Return whether the admin was alerted of a key or cause within the last day. Pure."""
    return memory.alerted is not None and now - memory.alerted < ONE_DAY


def memory_of(cause: str, memories: Mapping[str, KeyMemory]) -> KeyMemory:
    """Return the entry of a cause. It is stored with the keys, under a name that is not valid for a secret."""
    name = f"cause {sha256(cause.encode()).hexdigest()[:16]}"
    return memories.get(name, KeyMemory(name))


def of_untouched(message: str, memory: KeyMemory, now: datetime, *, is_timeout: bool) -> tuple[list[Line], KeyMemory]:
    """Return the entries of a run that failed before it touched a key, and the new history entry of that failure.

    The entry and the alert are written at most once a day. A first timeout is only a warning, without an alert.
    """
    failures = memory.failures + 1
    if is_of_today(memory, now):
        return [], replace(memory, failures=failures)
    if is_timeout and failures == 1:
        return [Line(api=ROTATION_API, message=message, severity="Warning")], replace(memory, failures=failures)
    lines = [Line(api=api, message=message, severity="Critical") for api in (ROTATION_API, ALERTS_API)]
    return lines, replace(memory, failures=failures, alerted=now)
