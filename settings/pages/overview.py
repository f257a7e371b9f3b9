"""An overview of CIPP's resources, and the rights that this app has on them."""

from backend.health.results import BackendStatus, Overview, Rights
from settings.access.caller import Permission
from settings.http.routes import Call, Routes

routes = Routes()


@routes.get("ListBackend", needs=Permission.APP_SETTINGS_READ)
def overview(call: Call) -> Overview:
    """Show whether each resource that CIPP needs exists, with its state and problems."""
    return call.services.overview.overview()


@routes.get("ListBackendStatus", any_role=True)
def status(call: Call) -> BackendStatus:
    """Show whether CIPP is up, since when, until when its keys work, and whom to call. Any CIPP role may call it."""
    return call.services.overview.overview().status


@routes.get("ListBackendRights", needs=Permission.APP_SETTINGS_READ)
def rights(call: Call) -> Rights:
    """Show the rights that each feature needs, which of them exist, and the commands that grant the others."""
    return call.services.rights.rights()
