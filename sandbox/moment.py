"""Times in Azure's format."""

from datetime import UTC, datetime
from typing import overload


@overload
def moment(time: datetime) -> str: ...
@overload
def moment(time: None) -> None: ...
def moment(time: datetime | None) -> str | None:
    """Return an aware time as ISO 8601 in UTC, whole seconds, with Z. None stays None."""
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
