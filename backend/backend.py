"""All services of one CIPP deployment; making them costs nothing until one is asked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backend.access_tables import AccessTables
from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.deployment import node_name
from backend.deployments import FunctionAppDeployments
from backend.discovery import Discovery
from backend.errors import AzureRefusedError, AzureUnreachableError, NotConfiguredError, NotFoundError
from backend.function_app_settings import FunctionAppSettings
from backend.function_apps import FunctionApps
from backend.group_members import GroupMembers
from backend.key_vault import KeyVault
from backend.logbook import Logbook
from backend.made_once import made_once
from backend.once_a_minute import OnceAMinute
from backend.partner_tenant import PartnerTenant
from backend.portal_links import Links
from backend.resource_group import ResourceGroup
from backend.role_holders import RoleHolders
from backend.seats import NOT_NEEDED, Seat, Seats, worker_threads
from backend.sign_in_door import SignInDoor
from backend.static_web_app import StaticWebApp
from backend.static_web_app_domains import StaticWebAppDomains
from backend.static_web_app_invitations import StaticWebAppInvitations
from backend.static_web_app_users import StaticWebAppUsers
from backend.time_zone import TimeZone

if TYPE_CHECKING:
    from backend.overview import BackendOverview
    from backend.rights import BackendRights
    from backend.rotation.by_clock import RotationByClock
    from backend.rotation.service import KeyRotation
    from backend.secret_changes import SecretChanges


class Backend:
    """What the pages call. One a process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.clients = Clients(environ)
        self.discovery = Discovery(environ, self.clients)
        self.sign_in_door = SignInDoor(environ, self.clients)
        self.tables = CippTables(self.clients, environ)
        self.access_tables = AccessTables(self.clients)
        self.logbook = Logbook(self.clients, node_name(environ))
        self.readings = OnceAMinute()  # of whom the Logbook was told that they looked
        self.denials = OnceAMinute()  # the same of callers with a role who were denied
        self.denials_without_role = OnceAMinute()  # and of the others, who must not take the places of these
        self.links = Links(environ, self.clients, self.discovery, self.tables)
        self.resource_group = ResourceGroup(self.clients, self.discovery)
        self.function_apps = FunctionApps(self.clients, self.discovery)
        self.function_app_settings = FunctionAppSettings(self.clients, self.discovery, self.function_apps)
        self.deployments = FunctionAppDeployments(self.clients, self.discovery, self.function_apps)
        self.time_zone = TimeZone(self.clients)
        self.key_vault = KeyVault(self.clients, self.discovery)
        self.partner_tenant = PartnerTenant(self.key_vault)
        self.group_members = GroupMembers(self.clients, self.key_vault)
        self.seats = Seats(worker_threads(environ))
        self.role_holders = RoleHolders()
        self.static_web_app = StaticWebApp(self.clients, self.discovery)
        self.static_web_app_domains = StaticWebAppDomains(self.static_web_app)
        self.static_web_app_users = StaticWebAppUsers(self.clients, self.static_web_app, self.tables)
        self.static_web_app_invitations = StaticWebAppInvitations(self.static_web_app, self.static_web_app_domains)

    @made_once
    def key_rotation(self) -> "KeyRotation":
        """The rotation, which is a third of this app's code: it is loaded when it is asked, not at a cold start."""
        from backend.rotation.service import KeyRotation  # noqa: PLC0415 - see the docstring

        return KeyRotation(self.clients, self.discovery, self.key_vault, self.environ)

    @made_once
    def rotation_by_clock(self) -> "RotationByClock":
        """The rotation that the timers start."""
        from backend.rotation.by_clock import RotationByClock  # noqa: PLC0415 - as above

        return RotationByClock(self.key_rotation, self.clients, self.key_vault, self.environ)

    @made_once
    def secret_changes(self) -> "SecretChanges":
        """Changes of secrets by hand; a key is tried with the rotation's means."""
        from backend.key_trial import KeyTrial  # noqa: PLC0415 - as above
        from backend.secret_changes import SecretChanges  # noqa: PLC0415 - as above

        return SecretChanges(self.clients, self.key_vault, KeyTrial(self.clients, self.key_vault))

    @made_once
    def overview(self) -> "BackendOverview":
        """All of it at a glance."""
        from backend.overview import BackendOverview  # noqa: PLC0415 - as above

        parts = (self.clients, self.discovery, self.function_apps, self.key_rotation)
        return BackendOverview(*parts, serves=self.serves, auth_settings=self.sign_in_door.settings)

    @made_once
    def rights(self) -> "BackendRights":
        """The rights that each feature needs."""
        from backend.rights import BackendRights  # noqa: PLC0415 - as above

        return BackendRights(
            self.clients,
            self.discovery,
            apps=self.function_apps,
            static_web_app=self.static_web_app,
            vault=self.key_vault,
            rotation=self.key_rotation,
        )

    def serves(self, tenant: str, seat: Seat = NOT_NEEDED) -> bool:
        """Return whether a tenant's users may sign in: those of `ALLOWED_TENANTS`, and of the vault's TenantID.

        Raises:
            NotConfiguredError: The vault holds no TenantID that is one.
            AzureError: The vault refused or timed out.
            SeatsTakenError: The caller needs a seat to wait for the vault, and none is free.
        """
        wanted = tenant.strip().lower()
        if not wanted or wanted in self._allowed_tenants:
            return bool(wanted)
        advice = "Or name your tenant in this app's setting ALLOWED_TENANTS."
        try:
            return self.partner_tenant.is_partner(wanted, seat)
        except NotFoundError as error:
            raise NotConfiguredError(f"{error} {advice}") from error
        except AzureRefusedError as error:
            message = f"{error} {advice}"
            raise AzureRefusedError(
                message, status=error.status, code=error.code, retry_after=error.retry_after
            ) from error
        except AzureUnreachableError as error:
            raise AzureUnreachableError(f"{error} {advice}") from error

    def may_serve(self, tenant: str) -> bool:
        """Return whether a tenant's users may sign in, as far as that is known without a call to the vault."""
        wanted = tenant.strip().lower()
        return wanted in self._allowed_tenants or self.partner_tenant.last in ("", wanted)

    @property
    def _allowed_tenants(self) -> set[str]:
        return {name.strip().lower() for name in self.environ.get("ALLOWED_TENANTS", "").split(",")}
