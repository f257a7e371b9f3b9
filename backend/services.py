"""The services of one CIPP installation. Each is imported and created on first use, once per process.

So a cold start loads only what the first request uses.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from backend.access.role_holders import RoleHolders
from backend.concurrency.deadline import Deadline
from backend.concurrency.made_once import made_once
from backend.concurrency.seats import Seat, Seats, SeatsTakenError, worker_threads
from backend.configuration.mode import Mode
from backend.errors import BackendError

if TYPE_CHECKING:
    from backend.access.graph_lookups import SamGraph
    from backend.access.group_membership import GroupMembers
    from backend.access.partner_tenant import PartnerTenant
    from backend.access.roles_in_cipp import RolesInCipp
    from backend.access.served_tenants import ServedTenants
    from backend.access.sign_in_door import SignInDoor
    from backend.access.standing import Standing
    from backend.access.tables import AccessTables
    from backend.access.users.break_glass import BreakGlass
    from backend.access.users.writer import AllowedUsersWriter
    from backend.azure.clients import Clients
    from backend.cipp.backend_log import BackendLog
    from backend.cipp.logbook import Logbook
    from backend.cipp.tables import CippTables
    from backend.cipp.time_zone import TimeZone
    from backend.credentials.certificate_gate import LastRead
    from backend.credentials.manual_changes import SecretChanges
    from backend.credentials.setup_state import SetupState
    from backend.credentials.sign_in_again.service import SignInAgain
    from backend.health.overview import BackendOverview
    from backend.health.permissions import BackendRights
    from backend.health.watch import Watch
    from backend.hosting.hosting import Hosting
    from backend.hosting.installation_states import InstallationStates
    from backend.installation.cipp_settings import CippSettings, CippSettingsInAzure
    from backend.installation.discovery import Discovery
    from backend.installation.links import Links
    from backend.installation.resources import ResourceGroup
    from backend.key_vault.vault import KeyVault
    from backend.operations.completion import Completion
    from backend.rotation.service import KeyRotation
    from backend.rotation.timers import RotationByClock

WAIT_SECONDS: Final = 2.5  # the longest wait of a caller without an app role for CIPP's shape, and for its settings


class Services:
    """The services that the endpoints call. One instance per process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.seats = Seats(worker_threads(environ))
        self.role_holders = RoleHolders()
        self.mode = Mode.of(environ)

    @made_once
    def clients(self) -> "Clients":
        """The clients of the SDKs."""
        from backend.azure.clients import Clients

        return Clients(self.environ)

    @made_once
    def discovery(self) -> "Discovery":
        """The discovery of this installation's resources."""
        from backend.installation.discovery import Discovery

        return Discovery(self.environ, self.clients)

    @made_once
    def sign_in_door(self) -> "SignInDoor":
        """The check whether App Service verifies callers."""
        from backend.access.sign_in_door import SignInDoor

        return SignInDoor(self.environ, self.clients)

    @made_once
    def tables(self) -> "CippTables":
        """CIPP's tables."""
        from backend.cipp.tables import CippTables

        return CippTables(self.clients, self.environ)

    @made_once
    def access_tables(self) -> "AccessTables":
        """CIPP's access tables."""
        from backend.access.tables import AccessTables

        return AccessTables(self.clients)

    @made_once
    def logbook(self) -> "Logbook":
        """CIPP's Logbook."""
        from backend.cipp.logbook import Logbook
        from backend.installation.installation import node_name

        return Logbook(self.clients, node_name(self.environ))

    @made_once
    def backend_log(self) -> "BackendLog":
        """This app's entries in CIPP's Logbook."""
        from backend.cipp.backend_log import BackendLog

        return BackendLog(self.clients, self.tables)

    @made_once
    def installation_states(self) -> "InstallationStates":
        """The states in which a migration or an admin left the installation."""
        from backend.hosting.installation_states import InstallationStates

        return InstallationStates(self.clients, self.discovery, self.cipp_settings, lambda: self.key_vault)

    @made_once
    def links(self) -> "Links":
        """The links of CIPP's Backend page."""
        from backend.installation.links import Links

        states = self.installation_states.warnings
        return Links(self.environ, self.clients, self.discovery, self.tables, states)

    @made_once
    def resource_group(self) -> "ResourceGroup":
        """The resource group and its resources."""
        from backend.installation.resources import ResourceGroup

        return ResourceGroup(self.clients, self.discovery)

    @made_once
    def hosting(self) -> "Hosting":
        """The hosting of this CIPP. Only here is it chosen by shape, whenever a capability is used."""
        from backend.hosting.container import hosting as container
        from backend.hosting.current import CurrentHosting
        from backend.hosting.functions import hosting as functions
        from backend.hosting.installation_memory import InstallationMemory
        from backend.hosting.unknown import hosting as unknown

        main_app, memory = self.discovery.main_app, InstallationMemory(self.clients)
        as_functions, as_container = functions.hosting(self), container.hosting(self)

        def last() -> "Hosting":
            shape = main_app.last_known() or memory.last_shape(self.discovery.deployment().main_app or "")
            return shape.choose(functions=as_functions, container=as_container, unknown=as_container)

        return CurrentHosting(
            lambda deadline: main_app.seen(deadline).shape,
            functions=as_functions,
            container=as_container,
            unknown=unknown.hosting(as_functions, lambda: main_app.seen().error, last, self),
        )

    @made_once
    def completion(self) -> "Completion":
        """The completion of operations that outlast their response."""
        from backend.operations.completion import Completion
        from backend.operations.operations import Operations

        return Completion(Operations(self.clients), lambda: self.hosting.completers)

    @property
    def is_container(self) -> bool | None:
        """Whether CIPP was a container at the last look, None if its shape is unknown. It never waits for Azure."""
        seen = self.discovery.main_app.last_seen()
        return seen.shape.is_container if seen and seen.shape.is_known else None

    def look_at_shape(self, seat: Seat) -> bool | None:
        """Return whether CIPP is a container, None if its shape is unknown. It waits for at most `WAIT_SECONDS`.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        seen = self.discovery.main_app.seen(Deadline.after(WAIT_SECONDS), seat)
        return seen.shape.is_container if seen.shape.is_known else None

    def settings_of_users(self, seat: Seat) -> tuple[float, Mapping[str, str]] | None:
        """Return when CIPP's settings were read, by the monotonic clock, and them, None if that was not possible.

        It waits for at most `WAIT_SECONDS`.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        try:
            found: CippSettings | None = self.cipp_settings.current(Deadline.after(WAIT_SECONDS), seat)
        except SeatsTakenError:
            raise
        except BackendError:
            found = self.cipp_settings.peek()
        return (found.read, found.values) if found else None

    @property
    def is_hosted(self) -> bool | None:
        """Whether CyberDrain hosts this CIPP, by CIPP_HOSTED of the container, or of this app for function apps.

        None until the container's settings were read. It never waits, and begins to read them.
        """
        if self.is_container:
            last = self.cipp_settings.last()
            return last.is_hosted if last else None
        return self.environ.get("CIPP_HOSTED", "").strip().lower() == "true"

    @made_once
    def time_zone(self) -> "TimeZone":
        """CIPP's time zone."""
        from backend.cipp.time_zone import TimeZone

        return TimeZone(self.clients)

    @made_once
    def key_vault(self) -> "KeyVault":
        """The key vault."""
        from backend.key_vault.vault import KeyVault

        return KeyVault(self.clients, self.discovery)

    @made_once
    def cipp_settings(self) -> "CippSettingsInAzure":
        """The settings of CIPP's main app that this app depends on."""
        from backend.installation.cipp_settings import CippSettingsInAzure

        return CippSettingsInAzure(self.clients, self.discovery.deployment)

    @made_once
    def setup_state(self) -> "SetupState":
        """Whether CIPP is set up."""
        from backend.credentials.setup_state import SetupState

        return SetupState(self.key_vault)

    @made_once
    def partner_tenant(self) -> "PartnerTenant":
        """The partner tenant."""
        from backend.access.partner_tenant import PartnerTenant

        return PartnerTenant(self.key_vault)

    @made_once
    def served_tenants(self) -> "ServedTenants":
        """The tenants whose users may sign in."""
        from backend.access.served_tenants import ServedTenants

        return ServedTenants(self.environ, self.partner_tenant)

    @made_once
    def sam_graph(self) -> "SamGraph":
        """Microsoft Graph as CIPP's SAM app, for lookups of callers."""
        from backend.access.graph_lookups import SamGraph

        return SamGraph(self.clients, self.key_vault)

    @made_once
    def group_members(self) -> "GroupMembers":
        """The groups that a user is in."""
        from backend.access.group_membership import GroupMembers

        return GroupMembers(self.sam_graph)

    @made_once
    def standing(self) -> "Standing":
        """The CIPP roles that a caller has."""
        from backend.access.standing import Standing

        return Standing(self.access_tables, self.partner_tenant, self.group_members.roles_of, self.roles_in_cipp)

    @made_once
    def roles_in_cipp(self) -> "RolesInCipp":
        """The roles that a container CIPP gives its users."""
        from backend.access.allowed_users import AllowedUsers
        from backend.access.entra_users import EntraUsers
        from backend.access.roles_in_cipp import RolesInCipp

        return RolesInCipp(
            AllowedUsers(self.clients),
            EntraUsers(self.sam_graph),
            self.partner_tenant,
            is_container=lambda: self.is_container,
            look_at_shape=self.look_at_shape,
            settings_read=self.settings_of_users,
        )

    @made_once
    def allowed_users_writer(self) -> "AllowedUsersWriter":
        """The changes of the users of a container CIPP."""
        from backend.access.users.writer import AllowedUsersWriter

        return AllowedUsersWriter(self.clients, lambda: self.cipp_settings.current().values)

    @made_once
    def key_rotation(self) -> "KeyRotation":
        """The rotation of the vault's credentials."""
        from backend.rotation.service import KeyRotation

        return KeyRotation(self.clients, self.discovery, self.key_vault, self.environ, self.hosting)

    @made_once
    def rotation_by_clock(self) -> "RotationByClock":
        """The rotation that the timers start."""
        from backend.rotation.timers import RotationByClock

        return RotationByClock(self.key_rotation, self.clients, self.key_vault, self.environ)

    @made_once
    def secret_changes(self) -> "SecretChanges":
        """Manual changes of secrets. A key is checked in the same way as in the rotation."""
        from backend.credentials.manual_changes import SecretChanges
        from backend.credentials.trial import KeyTrial

        hosting = self.hosting
        trial = KeyTrial(self.clients, self.key_vault, lambda: hosting.processes.sign_in_secret is not None)
        return SecretChanges(self.clients, self.key_vault, trial, self._last_read)

    @made_once
    def sign_in_again(self) -> "SignInAgain":
        """The sign-in of a person for a refresh token."""
        from backend.credentials.sign_in_again.service import SignInAgain

        return SignInAgain(self.clients, self.key_vault, self._how_cipp_reads)

    def _how_cipp_reads(self, name: str) -> str:
        """Return how CIPP reads a token again, as an instruction. That of a direct tenant always needs a restart."""
        from backend.credentials.kinds import PARTNER_TOKEN
        from backend.hosting.uptimes import restart_them

        processes = self.hosting.processes
        names = [uptime.name for uptime in processes.uptimes.uptimes(Deadline.after(WAIT_SECONDS))]
        names = names or [self.discovery.deployment().main_app or "CIPP"]
        return processes.advice(names) if name == PARTNER_TOKEN else restart_them(names, None)

    def _last_read(self) -> "LastRead":
        """Return since when CIPP has its keys."""
        return self.key_rotation.last_read()

    @made_once
    def overview(self) -> "BackendOverview":
        """The overview of all parts."""
        from backend.health.overview import BackendOverview

        parts = (self.clients, self.discovery, self.hosting, self.key_rotation)
        return BackendOverview(
            *parts, serves=self.served_tenants.serves, auth_settings=self.sign_in_door.settings, environ=self.environ
        )

    @made_once
    def watch(self) -> "Watch":
        """The lines of the log on which alerts outside CIPP depend."""
        from backend.health.watch import Watch

        return Watch(self.key_rotation, self.installation_states.fresh, self.overview.note_condition)

    @made_once
    def break_glass(self) -> "BreakGlass":
        """The setting that makes a user superadmin of a container CIPP."""
        from backend.access.users.break_glass import BreakGlass
        from backend.hosting.container.users.user_memory import UserMemory

        parts = (self.environ, self.clients, self.allowed_users_writer, self.logbook, self.tables)
        return BreakGlass(*parts, self._is_container_now, UserMemory(self.clients).remember)

    def _is_container_now(self) -> bool | None:
        """Return whether CIPP is a container, None if its shape is unknown. It may wait for Azure."""
        shape = self.discovery.main_app.seen().shape
        return shape.is_container if shape.is_known else None

    @made_once
    def rights(self) -> "BackendRights":
        """The rights that each feature needs."""
        from backend.health.permissions import BackendRights

        return BackendRights(
            self.clients,
            self.discovery,
            hosting=self.hosting,
            vault=self.key_vault,
            rotation=self.key_rotation,
            mode=self.mode,
        )
