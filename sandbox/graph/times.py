"""Times as callers of Graph write them."""

from datetime import UTC, datetime

from sandbox.graph.errors import bad_request


def read(value: object, name: str) -> datetime | None:
    """Read a time of a request's body; None where there is none."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise bad_request(f"Invalid value specified for property '{name}': '{value}' is no time.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
