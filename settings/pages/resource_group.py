"""CIPP's resource group and its resources."""

from backend.installation.results import Resources
from settings.access.caller import Permission
from settings.http.routes import Call, Routes

routes = Routes()


@routes.get("ListBackendResources", needs=Permission.APP_SETTINGS_READ)
def resources(call: Call) -> Resources:
    """List CIPP's resource group and every resource in it."""
    return call.services.resource_group.resources()
