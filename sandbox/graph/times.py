"""Times in requests to Graph."""

from datetime import UTC, datetime

from sandbox.graph.errors import bad_request


def read(value: object, name: str) -> datetime | None:
    """Return a time from a request's body, or None if it is absent."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise bad_request(f"Invalid value specified for property '{name}': '{value}' is not a time.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
