"""A check whether the API responds."""

from datetime import UTC, datetime

from backend.running_code import COMMIT, VERSION
from backend.values import Value
from settings.http.routes import Routes

routes = Routes()


class Pong(Value, frozen=True):
    """The response to a ping, with the version and commit of this app. `timestamp` is the time of this machine."""

    message: str
    timestamp: datetime
    version: str
    commit: str


@routes.get("PublicPing", public=True, on_loop=True)
def ping() -> Pong:
    """Return Pong, and the version and commit of this app. No sign-in is required."""
    return Pong(message="Pong", timestamp=datetime.now(UTC), version=VERSION, commit=COMMIT)
