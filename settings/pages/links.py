"""The links to CIPP's resources in the Azure portal."""

from backend.installation.results import PortalLinks
from settings.access.caller import Permission
from settings.http.routes import Call, Routes

routes = Routes()


@routes.get("ExecBackendURLs", needs=Permission.APP_SETTINGS_READ)
def links(call: Call) -> PortalLinks:
    """Show the Azure portal links of CIPP's resources, and warnings about names that are not certain."""
    return call.services.links.links()
