"""An entry of this app in CIPP's Logbook, read from its row, and the place where a page of entries ends. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from backend.errors import InvalidInputError
from backend.formats import is_guid
from backend.readings import Json, count_or_none, object_of, text_of, text_or_none, time_or_none
from backend.text.redaction import HIDDEN_ADDRESS, redact
from backend.values import Value

BACKEND_API: Final = "Backend"
ROTATION_API: Final = "Key Rotation"
ALERTS_API: Final = "Alerts"  # CIPP's notifications send its entries
DAYS: Final = 14  # so far back entries are listed
OUTCOMES: Final = ("done", "failed", "denied", "rotated")
NONE: Final = "None"  # CIPP's own word for an entry without a tenant


class LogEntry(Value, frozen=True):
    """One entry of this app. Fields of the other API are null.

    - An entry of API `Backend` is a write operation, a denial, or a request for the links. It has `endpoint`, `dry_run`
      and the caller: `user`, `user_id`, `app_id` of an API client, `roles` and `address`. `left_out` is the number of
      denials before it without an entry.
    - An entry of API `Key Rotation` is what a run did with a key. It has `key`, `run_id` and the tenant of the key.

    `address` is shown to superadmins only.
    """

    id: str
    time: datetime
    api: str
    severity: str | None
    user: str
    message: str
    outcome: str | None
    correlation_id: str | None
    endpoint: str | None
    dry_run: bool | None
    user_id: str | None
    app_id: str | None
    roles: str | None
    address: str | None
    left_out: int | None
    key: str | None
    run_id: str | None
    tenant: str | None
    tenant_id: str | None


class LogPage(Value, frozen=True):
    """A page of entries, the newest first. `before` is the parameter for the next page, None on the last one."""

    entries: list[LogEntry]
    before: str | None
    notes: list[str]


class Place(msgspec.Struct, frozen=True, order=True):
    """The place of an entry. Rows of one transaction have the same time, so the ID counts too."""

    time: datetime
    id: str = ""

    @property
    def text(self) -> str:
        """The place as a query has it."""
        return f"{self.time:%Y-%m-%dT%H:%M:%S.%f}Z_{self.id}"


class LogFilter(msgspec.Struct, frozen=True):
    """Which entries to return: at most `top`, those before a place and since a time. An empty text allows every entry.

    `user` is a part of a name. Texts are case-insensitive.
    """

    top: int
    user: str = ""
    endpoint: str = ""
    outcome: str = ""
    before: Place | None = None
    since: datetime | None = None

    def takes(self, entry: LogEntry) -> bool:
        """Return whether an entry is wanted."""
        return (
            (self.before is None or place_of(entry) < self.before)
            and (self.since is None or entry.time >= self.since)
            and self.user.casefold() in entry.user.casefold()
            and self.endpoint.casefold() in ("", (entry.endpoint or "").casefold())
            and self.outcome.casefold() in ("", (entry.outcome or "").casefold())
        )


def place_of(entry: LogEntry) -> Place:
    """Return the place of an entry."""
    return Place(entry.time, entry.id)


def read_place(text: str) -> Place:
    """Return the place that a query names: a time with a time zone, or `before` of a page.

    Raises:
        InvalidInputError: It is neither.
    """
    moment, _, entry_id = text.partition("_")
    time = time_or_none(moment) if moment.upper().endswith("Z") or "+" in moment else None
    if time is None or (entry_id and not is_guid(entry_id)):
        raise InvalidInputError(
            "Invalid Before: it must be a time in UTC such as 2026-11-30T12:00:00Z, or Before of a page.",
            field="Before",
            advice="To begin with the newest entry, leave it out.",
        )
    return Place(time.astimezone(UTC), entry_id)


def entry_of(row: Mapping[str, Any], *, shows_addresses: bool) -> LogEntry | None:
    """Return the entry of a row, None if this app didn't write it or its time can't be read."""
    data = _data_of(row.get("LogData"))
    entry_id, time, api = text_of(row.get("RowKey")), time_or_none(row.get("Timestamp")), text_of(row.get("API"))
    if time is None or data is None or not is_guid(entry_id) or not _is_own(api, data):
        return None
    tenant, tenant_id = (text_or_none(row.get(name)) for name in ("Tenant", "TenantID"))
    address, message = text_or_none(data.get("Address")), redact(text_of(row.get("Message")))
    if not shows_addresses:
        for hidden in {address, text_or_none(row.get("IP"))} - {None}:
            message = message.replace(str(hidden), HIDDEN_ADDRESS)
    is_dry = data.get("DryRun")
    return LogEntry(
        id=entry_id,
        time=time,
        api=api,
        severity=text_or_none(row.get("Severity")),
        user=text_of(row.get("Username")),
        message=message,
        outcome=text_or_none(data.get("Outcome")),
        correlation_id=text_or_none(data.get("CorrelationId")),
        endpoint=text_or_none(data.get("Endpoint")),
        dry_run=is_dry if isinstance(is_dry, bool) else None,
        user_id=text_or_none(data.get("UserId")),
        app_id=text_or_none(row.get("AppId")),
        roles=text_or_none(data.get("Role")),
        address=address if shows_addresses else None,
        left_out=count_or_none(data.get("LeftOut")),
        key=text_or_none(data.get("Key")),
        run_id=text_or_none(data.get("RunId")),
        tenant=None if tenant == NONE else tenant,
        tenant_id=None if tenant_id == NONE else tenant_id,
    )


def _is_own(api: str, data: Json) -> bool:
    """Return whether an entry has the members that this app writes. CIPP may use the same name of an API."""
    if api == BACKEND_API:
        return text_or_none(data.get("Endpoint")) is not None and data.get("Outcome") in OUTCOMES
    return api == ROTATION_API and (not data or data.get("Outcome") in OUTCOMES)


def _data_of(text: object) -> Json | None:
    try:
        found = json.loads(text_of(text))
    except (ValueError, RecursionError):
        return None
    return object_of(found) if isinstance(found, dict) else None
