"""Not there yet."""

from starlette.types import ASGIApp

from sandbox.azure import Azure
from sandbox.service import service


def app(azure: Azure) -> ASGIApp:
    """Build the service."""
    del azure
    return service([])
