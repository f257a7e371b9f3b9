"""The service behind management.azure.com and its twins."""

from typing import TYPE_CHECKING

from sandbox.service import service

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sandbox.azure import Azure


def app(azure: "Azure") -> "ASGIApp":
    """Build Azure Resource Manager on what `azure` holds."""
    _ = azure
    return service([])
