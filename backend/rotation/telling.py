"""What CIPP's Logbook is told of a key, and when the admin is alerted of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from backend.cipp_tables import Tenant
from backend.logbook import Line
from backend.rotation.journal import KeyMemory
from backend.rotation.report import KeyReport

ONE_DAY: Final = timedelta(days=1)
API: Final = "Key Rotation"
ALERTS: Final = "Alerts"  # CIPP's notifications send the lines of this API


@dataclass(frozen=True)
class Telling:
    """How one run tells of keys. `tenants` are CIPP's, None where its table is silent."""

    run_id: str
    tenants: Mapping[str, Tenant] | None
    warn_days: int

    def line(self, report: KeyReport) -> Line:
        """Say what became of a key."""
        tenant = (self.tenants or {}).get(report.name.lower())
        is_tenants = report.kind == "TenantRefreshToken"
        what = f"{report.name}: {report.outcome}. {report.reason}"
        unknown = self.is_unknown(report)
        return Line(
            api=API,
            message=what if report.outcome != "failed" else f"{what} {report.advice or ''}".rstrip(),
            severity="Info" if report.outcome != "failed" else ("Warning" if unknown else "Critical"),
            tenant=(tenant.domain or tenant.name) if tenant else "None",
            tenant_id=report.name.lower() if is_tenants else "None",
            data={"RunId": self.run_id, "Key": report.name, "Outcome": report.outcome},
        )

    def alert(self, report: KeyReport, memory: KeyMemory, now: datetime) -> tuple[Line | None, KeyMemory]:
        """Alert of a key that failed or is about to end, at most once a day."""
        end = report.expires
        is_near = end is not None and end < now + timedelta(days=self.warn_days)
        is_worth_it = (memory.failures > 0 or is_near) and not self.is_unknown(report)
        told_today = memory.alerted is not None and now - memory.alerted < ONE_DAY
        if not is_worth_it or told_today:
            return None, memory
        tenant = (self.tenants or {}).get(memory.name)
        why = memory.problem if memory.failures else f"It ends on {end:%Y-%m-%d}."
        line = Line(
            api=ALERTS,
            message=f"CIPP's key {memory.name} needs you. {why} {memory.advice}".rstrip(),
            severity="Critical",
            tenant=(tenant.domain or tenant.name) if tenant else "None",
            tenant_id=memory.name if tenant else "None",
            data={"RunId": self.run_id, "Key": memory.name},
        )
        return line, replace(memory, alerted=now)

    def is_unknown(self, report: KeyReport) -> bool:
        """Tell whether a key is the token of a tenant that CIPP does not know."""
        return (
            report.kind == "TenantRefreshToken" and self.tenants is not None and report.name.lower() not in self.tenants
        )
