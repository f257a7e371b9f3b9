"""All services of one CIPP deployment; making them costs nothing until one is asked."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import NotConfiguredError, NotFoundError
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.portal_links import Links

if TYPE_CHECKING:
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

    @cached_property
    def key_rotation(self) -> "KeyRotation":
        """The service of the keys' rotation; an app that only answers links does not load it."""
        from backend.rotation.service import KeyRotation  # noqa: PLC0415 - it is half of this app's code

        return KeyRotation(self.clients, self.discovery, self.key_vault, self.environ)

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
