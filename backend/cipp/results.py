"""Results of write operations on CIPP's tables, and entries of its Logbook."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from backend.values import Act


class TimeZoneAct(Act, frozen=True, kw_only=True):
    """The result of setting the time zone, with its IANA name."""

    timezone: str


Severity = Literal["Info", "Warning", "Error", "Critical"]
# What the alert `critical-event` outside CIPP looks for. The other critical entries lead to the alert `run-failed`.
CriticalEvent = Literal["VersionRollBack", "BreakGlass"]


class Event(msgspec.Struct, frozen=True):
    """The fields `event` and `state` of a critical entry in the log stream."""

    name: CriticalEvent
    state: str


class Line(msgspec.Struct, frozen=True):
    """One entry of the Logbook. `data` must not contain a secret, because it is shown unchanged.

    `address` is the caller's IP address and `app_id` the ID of an API client, or "". `event` is None for all
    entries that are not critical, and for keys.
    """

    api: str
    message: str
    severity: Severity
    tenant: str = "None"
    tenant_id: str = "None"
    user: str = "CIPP"
    address: str = ""
    app_id: str = ""
    data: Mapping[str, Any] = {}
    event: Event | None = None
