"""The links of CIPP's Backend page."""

from backend.portal_links import PortalLinks
from settings.access import Permission
from settings.routes import Call, Routes

routes = Routes()


@routes.get("ExecBackendURLs", needs=Permission.APP_SETTINGS_READ)
def links(call: Call) -> PortalLinks:
    """Show where in the Azure portal each of CIPP's resources is, and which names are not sure."""
    return call.backend.links.links()
