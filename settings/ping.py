"""Whether this API answers at all."""

from datetime import UTC, datetime

from backend.values import Value
from settings.routes import Routes

routes = Routes()


class Pong(Value, frozen=True):
    """The answer to a ping; the time is this machine's."""

    message: str
    timestamp: datetime


@routes.get("PublicPing", public=True, on_loop=True)
def ping() -> Pong:
    """Return Pong to anyone, and nothing else."""
    return Pong(message="Pong", timestamp=datetime.now(UTC))
