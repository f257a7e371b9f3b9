"""The formats of Azure's IDs and times. Pure."""

from datetime import datetime

from backend.readings import time_or_none
from backend.values import in_whole_seconds


def is_guid(text: str) -> bool:
    """Return whether a text is a GUID in its usual form, such as a tenant ID."""
    parts = [len(part) for part in text.split("-")]
    return parts == [8, 4, 4, 4, 12] and all(digit in "0123456789abcdefABCDEF-" for digit in text)


def moment_of(text: object) -> datetime | None:
    """Return a time of Azure in whole seconds, None if it is unknown. A time without a zone is in UTC."""
    return in_whole_seconds(time_or_none(text))
