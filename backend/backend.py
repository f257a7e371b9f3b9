"""All services of one CIPP deployment; making them costs nothing until one is asked."""

from collections.abc import Mapping

from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.deployments import FunctionAppDeployments
from backend.discovery import Discovery
from backend.errors import NotConfiguredError, NotFoundError
from backend.function_app_settings import FunctionAppSettings
from backend.function_apps import FunctionApps
from backend.key_trial import KeyTrial
from backend.key_vault import KeyVault
from backend.logbook import Logbook
from backend.overview import BackendOverview
from backend.portal_links import Links
from backend.resource_group import ResourceGroup
from backend.rights import BackendRights
from backend.rotation.service import KeyRotation
from backend.secret_changes import SecretChanges
from backend.static_web_app import StaticWebApp
from backend.static_web_app_domains import StaticWebAppDomains
from backend.static_web_app_invitations import StaticWebAppInvitations
from backend.static_web_app_users import StaticWebAppUsers
from backend.time_zone import TimeZone


class Backend:
    """What the pages call. One a process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.clients = Clients(environ)
        self.discovery = Discovery(environ, self.clients)
        self.tables = CippTables(self.clients, environ)
        self.logbook = Logbook(self.clients, environ.get("WEBSITE_SITE_NAME", "") or "CIPP Backend")
        self.links = Links(environ, self.discovery, self.tables)
        self.resource_group = ResourceGroup(self.clients, self.discovery)
        self.function_apps = FunctionApps(self.clients, self.discovery)
        self.function_app_settings = FunctionAppSettings(self.clients, self.discovery, self.function_apps)
        self.deployments = FunctionAppDeployments(self.clients, self.discovery, self.function_apps)
        self.time_zone = TimeZone(self.clients)
        self.key_vault = KeyVault(self.clients, self.discovery)
        self.key_rotation = KeyRotation(self.clients, self.discovery, self.key_vault, environ)
        self.secret_changes = SecretChanges(self.key_vault, KeyTrial(self.clients, self.key_vault))
        self.static_web_app = StaticWebApp(self.clients, self.discovery)
        self.static_web_app_domains = StaticWebAppDomains(self.static_web_app)
        self.static_web_app_users = StaticWebAppUsers(self.clients, self.static_web_app, self.tables)
        self.static_web_app_invitations = StaticWebAppInvitations(self.static_web_app, self.static_web_app_domains)
        parts = (self.clients, self.discovery, self.function_apps)
        self.overview = BackendOverview(*parts, self.key_rotation, self.serves)
        self.rights = BackendRights(*parts, self.key_vault, self.key_rotation)

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
