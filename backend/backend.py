"""All services of one CIPP deployment; making them costs nothing until one is asked."""

from collections.abc import Mapping

from backend.clients import Clients
from backend.discovery import Discovery
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.portal_links import Links
from backend.rotation.service import KeyRotation


class Backend:
    """What the pages call. One a process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.clients = Clients(environ)
        self.discovery = Discovery(environ, self.clients)
        self.links = Links(environ, self.discovery)
        self.function_apps = FunctionApps(self.clients, self.discovery)
        self.key_vault = KeyVault(self.clients, self.discovery)
        self.key_rotation = KeyRotation(self.clients, self.discovery, self.key_vault)

    def partner_tenants(self) -> frozenset[str]:
        """Answer the tenants whose users may sign in: the vault's TenantID, and those of `ALLOWED_TENANTS`."""
        allowed = {tenant.strip().lower() for tenant in self.environ.get("ALLOWED_TENANTS", "").split(",")}
        return frozenset({*allowed, self.key_vault.partner_tenant()} - {""})
