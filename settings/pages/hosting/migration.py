"""CIPP's migration from function apps to a container."""

from backend.access.principals import User
from backend.hosting.results.migration import MigrationReport
from settings.access.caller import Permission
from settings.http.routes import Call, Routes, Shown

routes = Routes()


@routes.get("ListBackendMigration", needs=Permission.APP_SETTINGS_READ, shown=Shown(may_lack=True))
def report(call: Call) -> MigrationReport:
    """Show what CIPP's migration to a container would do, what it would delete, and what is missing first."""
    principal = call.caller.principal if call.caller else None
    return call.services.hosting.migration.report(principal.object_id if isinstance(principal, User) else None)
