"""Read values of JSON responses and rows. A value that is missing, null or of another type is unknown. Pure.

All services use these functions. A service that reads a member in another way fails on one unexpected value.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

Json = dict[str, Any]
_LAST_SECOND: Final = 253_402_214_400  # a day before the year 10000, so that every zone can show it


def text_or_none(value: object) -> str | None:
    """Return a text that is not empty, else None. A number or a boolean does not count as a text."""
    return value if isinstance(value, str) and value else None


def text_of(value: object) -> str:
    """Return a text, "" if it is unknown."""
    return text_or_none(value) or ""


def count_or_none(value: object) -> int | None:
    """Return a whole number that is not negative, else None. A boolean does not count as a number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def time_or_none(value: object) -> datetime | None:
    """Return the time of an ISO 8601 text or of an SDK, in UTC. A time without an offset is in UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(text_of(value))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(moment.date(), moment.time(), UTC)  # an SDK's own type becomes a plain datetime


def http_time_or_none(value: object) -> datetime | None:
    """Return the time of a header such as `Date`, in UTC."""
    try:
        moment = parsedate_to_datetime(text_of(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def unix_time_or_none(value: object) -> datetime | None:
    """Return the time of seconds since 1970, in UTC. A time before 1970 or after the year 9999 is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)


def object_of(value: object) -> Json:
    """Return an object, {} if it is unknown."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Json]:
    """Return the objects of a list, [] if it is unknown. Other entries are left out."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts_of(value: object) -> list[str]:
    """Return the texts of a list, [] if it is unknown. Other entries are left out."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def texts_by_name(value: object) -> dict[str, str]:
    """Return the texts of an object by name, {} if it is unknown. Other members are left out."""
    return {name: text for name, text in object_of(value).items() if isinstance(text, str)}


def properties_of(resource: Mapping[str, Any]) -> Json:
    """Return the properties of a resource of Resource Manager, {} if Azure shows none."""
    return object_of(resource.get("properties"))


def claims_of(token: object) -> Json:
    """Return the claims of a token, unverified, or {} if it is not a JWT. Microsoft does not document its tokens."""
    payload = text_of(token).partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return object_of(claims)
