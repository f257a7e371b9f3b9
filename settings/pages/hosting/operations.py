"""The operations that outlast the response to their request."""

from backend.operations.results import Operation
from settings.access.caller import Permission
from settings.http.routes import Call, Routes

routes = Routes()


@routes.get("ListBackendOperations", needs=Permission.APP_SETTINGS_READ)
def operations(call: Call) -> list[Operation]:
    """List the long operations, complete those that have ended, and show what may be done next."""
    return call.services.completion.look()
