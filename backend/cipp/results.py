"""Results of write operations on CIPP's tables, and entries of its Logbook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.values import Act


class TimeZoneAct(Act, frozen=True, kw_only=True):
    """The result of setting the time zone, with its IANA name."""

    timezone: str


Severity = Literal["Info", "Warning", "Error", "Critical"]


@dataclass(frozen=True)
class Line:
    """One entry of the Logbook. `data` must not contain a secret, because it is shown unchanged.

    `address` is the caller's IP address and `app_id` the ID of an API client, or "".
    """

    api: str
    message: str
    severity: Severity
    tenant: str = "None"
    tenant_id: str = "None"
    user: str = "CIPP"
    address: str = ""
    app_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
