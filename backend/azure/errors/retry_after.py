"""How long a service requests callers to wait, by its headers: one reader for all of Azure. Pure.

`Retry-After` contains seconds or a date (RFC 9110). A proxy joins two such headers to `30,120`. Some services send
milliseconds, with it or instead of it. A value that can't be read is ignored.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from backend.readings import http_time_or_none, time_or_none

_IN_MILLISECONDS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
# Patterns are compiled on first use, because each cold start pays for imports.
_NUMBER: Final = r"\+?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]{1,18}) ?s?"
# HTTP's three date formats. The first two contain a comma.
_DATE: Final = (
    r"(?:[A-Za-z]{3,9}, *)?[0-9]{1,2}[ -][A-Za-z]{3}[ -][0-9]{2,4} +[0-9:]{5,8}(?: *(?:GMT|UTC|[+-][0-9]{4}))?"
    r"|[A-Za-z]{3} +[A-Za-z]{3} +[0-9]{1,2} +[0-9:]{8} +[0-9]{4}"
)


def seconds_to_wait(headers: Mapping[str, Any] | None) -> float:
    """Return how many seconds a service requests callers to wait, or 0 if its headers don't state it.

    If they state several times, the longest counts. A date is compared with the `Date` of the response, because the
    clocks of this machine and of the service can differ.
    """
    by_name = {str(name).lower(): _text(value) for name, value in dict(headers or {}).items()}
    stated = [_number(part) / 1000 for name in _IN_MILLISECONDS for part in by_name.get(name, "").split(",")]
    retry_after = by_name.get("retry-after", "")
    if retry_after:
        dates = re.findall(_DATE, retry_after)
        stated += [_number(part) for part in re.sub(_DATE, "", retry_after).split(",")]
        now = http_time_or_none(by_name.get("date", "")) or datetime.now(UTC)
        if moment := time_or_none(retry_after.strip().strip("\"'")):  # ISO 8601, which is not in the standard
            stated.append((moment - now).total_seconds())
        stated += [(moment - now).total_seconds() for date in dates if (moment := http_time_or_none(date))]
    return max(0.0, *stated) if stated else 0.0


def _number(text: str) -> float:
    plain = text.strip().strip("\"'").strip()
    return float(plain.rstrip("s ")) if re.fullmatch(_NUMBER, plain) else 0.0


def _text(value: object) -> str:
    """Return a header's value. In kiota it can be bytes or a set of values."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str | int | float):
        return str(value)
    return ",".join(str(part) for part in value) if isinstance(value, list | tuple | set | frozenset) else ""
