"""The overview of CIPP's backend, and the rights that this API has on it."""

from backend.overview import Overview
from backend.rights import Rights
from settings.access import Permission
from settings.routes import Call, Routes

routes = Routes()


@routes.get("ListBackend", needs=Permission.APP_SETTINGS_READ)
def overview(call: Call) -> Overview:
    """Show each resource that CIPP stands on: whether it is there, its state and its problems."""
    return call.backend.overview.overview()


@routes.get("ListBackendRights", needs=Permission.APP_SETTINGS_READ)
def rights(call: Call) -> Rights:
    """Show which rights each feature needs, which are there, and the commands that grant the others."""
    return call.backend.rights.rights()
