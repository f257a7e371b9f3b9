"""All services of one CIPP deployment; making them costs nothing until one is asked."""

from collections.abc import Mapping

from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import NotConfiguredError, NotFoundError
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
        self.key_rotation = KeyRotation(self.clients, self.discovery, self.key_vault, environ)

    def serves(self, tenant: str) -> bool:
        """Tell whether a tenant's users may sign in: those of `ALLOWED_TENANTS`, and of the vault's TenantID.

        Raises:
            NotConfiguredError: The vault holds no TenantID that is one.
            AzureError: The vault did not tell.
        """
        asked = tenant.strip().lower()
        allowed = {name.strip().lower() for name in self.environ.get("ALLOWED_TENANTS", "").split(",")}
        if not asked or asked in allowed:
            return bool(asked)
        try:
            return asked == self.key_vault.partner_tenant()
        except NotFoundError as error:
            raise NotConfiguredError(f"{error} Or name your tenant in this app's setting ALLOWED_TENANTS.") from error
