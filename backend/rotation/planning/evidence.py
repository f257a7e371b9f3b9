"""Since when CIPP's apps certainly have the keys that the vault serves, by all that shows it. Pure.

| shown by | shows that CIPP read its keys at or after |
| --- | --- |
| a process that started (function apps), or a restart by this app after which CIPP was ready | its start |
| a permissions check with details, in which CIPP signed in as its app and as its user | 15 minutes before it ended |
| a boot row of the instance | 5 minutes before |
| the first start of this version | 5 minutes before |

The rows are of one process. So they count only for a CIPP that is one app on one instance, and not for an app of which
that is unknown. Without a sign, it is unknown which keys CIPP has, and old ones stay.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.cipp.key_reads import AccessCheck, KeyReads
from backend.hosting.uptimes import Uptime

LONGEST_CHECK: Final = timedelta(minutes=15)  # it reads all tenants before it ends, and the keys at its beginning
BEFORE_BOOT: Final = timedelta(minutes=5)  # CIPP reads its keys before it writes the row, by a minute or so


def certainly_read(key_reads: KeyReads, app_id: str) -> datetime | None:
    """Return the latest time since which CIPP certainly read its keys, or None if unknown.

    `app_id` is the ID of CIPP's app, "" if unknown.
    """
    check = key_reads.access_check
    times = [
        check.at - LONGEST_CHECK if check and _shows_read(check, app_id) else None,
        key_reads.booted - BEFORE_BOOT if key_reads.booted else None,
        key_reads.version_since - BEFORE_BOOT if key_reads.version_since else None,
    ]
    return max((time for time in times if time), default=None)


def is_shown_by_tables(uptimes: Sequence[Uptime]) -> bool:
    """Return whether rows of one process count for these apps."""
    return len(uptimes) == 1 and uptimes[0].is_single and not uptimes[0].idle


def with_evidence(uptimes: Sequence[Uptime], key_reads: KeyReads, app_id: str) -> list[Uptime]:
    """Return the apps with the last time since which each certainly has its keys."""
    read = certainly_read(key_reads, app_id) if is_shown_by_tables(uptimes) else None
    if read is None:
        return list(uptimes)
    return [replace(uptime, since=max(read, uptime.since or read)) for uptime in uptimes]


def _shows_read(check: AccessCheck, app_id: str) -> bool:
    """Return whether a check shows that CIPP has the vault's keys: it signed in, and saw no difference."""
    is_cipps = bool(app_id) and check.app_id.strip().lower() == app_id.lower()
    return is_cipps and bool(check.user.strip()) and not check.is_mismatch
