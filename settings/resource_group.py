"""The resource group and what is in it."""

from backend.resource_group import Resources
from settings.access import Permission
from settings.routes import Call, Routes

routes = Routes()


@routes.get("ListBackendResources", needs=Permission.APP_SETTINGS_READ)
def resources(call: Call) -> Resources:
    """List CIPP's resource group and every resource in it."""
    return call.backend.resource_group.resources()
