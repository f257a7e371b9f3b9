"""A check whether the API responds."""

from datetime import UTC, datetime

from backend.values import Value
from settings.http.routes import Routes

routes = Routes()


class Pong(Value, frozen=True):
    """The response to a ping. `timestamp` is the time of this machine."""

    message: str
    timestamp: datetime


@routes.get("PublicPing", public=True, on_loop=True)
def ping() -> Pong:
    """Return Pong. No sign-in is required."""
    return Pong(message="Pong", timestamp=datetime.now(UTC))
