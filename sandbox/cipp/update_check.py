"""When a container checks for updates, and when it restarts for one."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

_INTERVALS: Final = {"1h": 1, "4h": 4, "12h": 12, "1d": 24}  # in hours
_NEAR: Final = timedelta(minutes=45)
_DAY: Final = timedelta(days=1)


def is_due(settings: Mapping[str, Any], at: datetime, zone: tzinfo) -> bool:
    """Return whether a container checks at this full hour. Missing settings have CIPP's defaults."""
    hours = _INTERVALS.get(str(settings.get("CheckInterval", "1h")))
    if hours is None:
        return False
    wanted = str(settings.get("CheckTime", "23"))
    if wanted and not (wanted.isdecimal() and _is_near(at.astimezone(zone), int(wanted))):
        return False
    last = str(settings.get("LastCheck") or "")
    return not last.isdecimal() or at.timestamp() - int(last) >= 0.9 * hours * 3600


def restarts(settings: Mapping[str, Any]) -> bool:
    """Return whether CIPP restarts by itself for an update."""
    return str(settings.get("AutoUpdate", "true")).lower() == "true"


def _is_near(local: datetime, hour: int) -> bool:
    clock = timedelta(hours=local.hour, minutes=local.minute)
    apart = abs(clock - timedelta(hours=hour))
    return min(apart, _DAY - apart) <= _NEAR
