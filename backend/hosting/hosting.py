"""The capabilities that differ by the shape in which CIPP is installed, each as a protocol.

Pages, rotation and health call these protocols, and never check the shape. Only `backend.services` chooses it. Each
folder beside this module implements one shape.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Protocol

import msgspec

from backend.hosting.results.sign_in import RenewedSecret

if TYPE_CHECKING:
    from backend.access.graph_lookups import SamGraph
    from backend.access.tables import AccessTables
    from backend.access.users.writer import AllowedUsersWriter
    from backend.azure.clients import Clients
    from backend.cipp.key_reads import Sign
    from backend.cipp.logbook import Logbook
    from backend.cipp.tables import CippTables
    from backend.configuration.mode import Mode
    from backend.hosting.installation_states import InstallationStates
    from backend.hosting.results.apps import (
        Action,
        Consent,
        Control,
        Deployments,
        FunctionApp,
        Restarted,
        Setting,
        SettingsAct,
        SyncAct,
    )
    from backend.hosting.results.domains import CippDomainAct, CippDomainList, SignInDomainsAct
    from backend.hosting.results.migration import MigrationReport
    from backend.hosting.results.sign_in import SignInCauseName, SignInRepair, SignInState
    from backend.hosting.results.static_web_app import (
        Domain,
        DomainAct,
        Guest,
        Invitation,
        StaticWebAppState,
        UserAct,
        Users,
        Validation,
    )
    from backend.hosting.results.users import Author, BackendUserAct, BackendUsers, UserWanted
    from backend.hosting.results.versions import BackendVersions, VersionAct, VersionWanted
    from backend.hosting.uptimes import Uptimes
    from backend.installation.cipp_settings import CippSettingsInAzure
    from backend.installation.discovery import Discovery
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe
    from backend.installation.shape import Shape
    from backend.key_vault.vault import KeyVault
    from backend.operations.results import Completer


class Apps(Protocol):
    """The apps that run CIPP, and this app if it is in the same resource group."""

    def apps(self) -> "list[FunctionApp]":
        """Return the apps as Azure shows them, the main app first."""

    def addresses(self) -> str:
        """Return sentences with the outbound addresses of CIPP and this app."""

    def control(
        self, action: "Action", *, name: str | None, every: bool, dry_run: bool, consent: "Consent"
    ) -> "Control":
        """Start, stop or restart one app (by default the main app), or every app of CIPP in turn.

        Raises:
            NotFoundError: The app does not exist.
            ConflictError: The action needs a consent: the app is this app, or a start may update CIPP.
        """


class AppSettings(Protocol):
    """The settings of the apps."""

    def settings(self, name: str | None) -> "list[Setting]":
        """Return an app's settings, by name. Values that may be secret are masked."""

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, consent: "Consent"
    ) -> "SettingsAct":
        """Set and remove settings of an app, and keep every other one.

        Raises:
            InvalidInputError: A name or a value is not allowed.
            ConflictError: The change needs a consent, or others write at the same time.
        """


class Code(Protocol):
    """The code that the apps run."""

    def deployments(self, name: str | None) -> "Deployments":
        """Return the source of an app's code and its deployments, the newest first."""

    def sync(self, name: str | None, *, dry_run: bool, force: bool) -> "SyncAct":
        """Deploy the newest code of the app's source.

        Raises:
            ConflictError: The app can't be deployed this way or at this time.
        """


class Versions(Protocol):
    """The versions of CIPP's image."""

    def state(self) -> "BackendVersions":
        """Return what runs, what is configured, what the registry has, and what CIPP recorded."""

    def set(self, wanted: "VersionWanted", *, roll_back: bool, dry_run: bool, consent: "Consent") -> "VersionAct":
        """Set the image to a channel or a version, which restarts CIPP.

        Raises:
            NotFoundError: The registry does not have it.
            ConflictError: Another change is running, or CIPP was started too often.
        """


class Frontend(Protocol):
    """The static web app that serves CIPP's frontend."""

    def state(self) -> "StaticWebAppState":
        """Return the static web app as Azure shows it. `exists` is false if CIPP does not have one."""


class Domains(Protocol):
    """The custom domains of the frontend."""

    def domains(self) -> "list[Domain]":
        """Return the domains and the DNS records that each needs."""

    def add(self, domain: str, validation: "Validation", *, dry_run: bool, force: bool = False) -> "DomainAct":
        """Add a domain. It becomes valid when Azure sees the returned DNS record."""

    def remove(self, domain: str, *, dry_run: bool) -> "DomainAct":
        """Remove a domain."""


class CippDomains(Protocol):
    """The custom domains of CIPP in any shape. Each step can be repeated, and a step that waits is not an error."""

    def domains(self, domain: str = "") -> "CippDomainList":
        """Return the verdict on each domain. `domain` is one that CIPP need not have yet."""

    def add(
        self, domain: str, *, dry_run: bool, force: bool = False, validation: "Validation | None" = None
    ) -> "CippDomainAct":
        """Add a domain, or return the DNS records that it needs first. Only a static web app needs `validation`.

        Raises:
            InvalidInputError: Azure never accepts the name.
            ConflictError: Another app has it, or the plan does not allow it.
        """

    def secure(self, domain: str, *, dry_run: bool, force: bool = False) -> "CippDomainAct":
        """Request a domain's certificate, or use the one that was issued."""

    def remove(self, domain: str, *, dry_run: bool, force: bool = False, via: str = "") -> "CippDomainAct":
        """Remove a domain. `via` is the host by which the caller reaches CIPP, "" if that is unknown.

        Raises:
            ConflictError: It is the default host, or CIPP's only address, and `force` is not set.
        """

    def repair_sign_in(self, domain: str, *, dry_run: bool) -> "SignInDomainsAct":
        """Add the missing callbacks of a domain, or of all if it is "", to CIPP's sign-in app."""


class UserRoles(Protocol):
    """The users with CIPP's roles."""

    def users(self) -> "Users":
        """Return the users who have roles."""

    def set_roles(self, *, user_id: str, provider: str, roles: Sequence[str], dry_run: bool) -> "UserAct":
        """Give a user these roles and no others.

        Raises:
            ConflictError: CIPP would have no superadmin left.
        """

    def remove(self, *, user_id: str, provider: str, dry_run: bool) -> "UserAct":
        """Take all roles from a user.

        Raises:
            ConflictError: CIPP would have no superadmin left.
        """


class CippUsers(Protocol):
    """CIPP's users and their roles, wherever its shape keeps them."""

    def users(self) -> "BackendUsers":
        """Return the users with their roles, and where these come from."""

    def set_roles(self, wanted: "UserWanted", *, by: "Author", dry_run: bool, force: bool) -> "BackendUserAct":
        """Give a user these roles and no others. A user who is not known is added, or invited.

        `force`: values that CIPP can't read may be replaced.

        Raises:
            InvalidInputError: The name or a role is not valid.
            ConflictError: A superadmin must keep the role, or the users can't be written now.
        """

    def remove(self, user: str, provider: str | None, *, by: "Author", dry_run: bool, force: bool) -> "BackendUserAct":
        """Remove a user.

        Raises:
            NotFoundError: The user does not exist.
            ConflictError: The user is the last superadmin or the caller, or the users can't be written now.
        """


class Invitations(Protocol):
    """Invitations to CIPP's roles, by a link."""

    def invite(self, guest: "Guest", *, dry_run: bool) -> "Invitation":
        """Invite a user. Only this response contains the link."""


class Migration(Protocol):
    """CIPP's migration to a container, which its own script does."""

    def report(self, caller: str | None) -> "MigrationReport":
        """Return what the script would do, and what would be lost. `caller` is their object ID in Entra, if known.

        Raises:
            AbsentError: CIPP is a container already.
        """


class SignInUse(msgspec.Struct, frozen=True):
    """How App Service signs users in to CIPP: with which app, and whether with its secret. `app_id` may be no GUID."""

    app_id: str
    with_secret: bool


class VersionInUse(msgspec.Struct, frozen=True):
    """The version of the secret that App Service uses, in lower case, "" if unknown.

    `problem` completes "App Service can't read it:", and is "" if it can, or if that is unknown.
    """

    version: str
    problem: str = ""


class SignInSecret(Protocol):
    """The secret with which App Service signs users in to CIPP. App Service keeps the version that it read."""

    def use(self) -> SignInUse:
        """Return how users are signed in now.

        Raises:
            ConflictError: Azure does not show the authentication settings.
            AzureError: Azure refused or timed out.
        """

    def in_use(self) -> VersionInUse:
        """Return the version that App Service uses.

        Raises:
            AzureError: Azure refused or timed out.
        """

    def refresh(self) -> None:
        """Let App Service read the newest version. This may restart CIPP, and so update it.

        Raises:
            NotFoundError: Azure does not have this request.
            AzureError: Azure refused or timed out. App Service may have read it.
        """


RenewSecret = Callable[[], RenewedSecret]
"""It renews the secret of CIPP's sign-in. It raises as the rotation does."""


class SignIn(Protocol):
    """The sign-in of users to CIPP, which CIPP runs on without."""

    def state(self) -> "SignInState":
        """Return the causes for which users can't sign in, the most severe first.

        Raises:
            AzureError: Azure does not show the authentication settings.
        """

    def repair(
        self,
        causes: "Sequence[SignInCauseName] | None",
        renew: RenewSecret,
        *,
        dry_run: bool,
        force: bool,
        by: str = "",
    ) -> "SignInRepair":
        """Remove causes, by default those that are certainly present. `by` is the caller's name.

        Raises:
            ConflictError: Another repair is in progress.
            AzureError: Azure does not show the authentication settings. Nothing was changed.
        """


class Processes(Protocol):
    """CIPP's processes, which keep its credentials in memory, and their restart for a new credential."""

    @property
    def uptimes(self) -> "Uptimes":
        """The time since when each app has had its credentials."""

    @property
    def sign_in_secret(self) -> SignInSecret | None:
        """The secret of CIPP's sign-in, None if CIPP's users sign in without one of its own."""

    @property
    def signs(self) -> "Collection[Sign]":
        """What in CIPP's tables shows that its processes have read their credentials again."""

    @property
    def restart_seconds(self) -> float:
        """The longest time that one restart takes, in seconds."""

    def advice(self, names: Sequence[str], before: datetime | None = None) -> str:
        """Return how the apps read their current credentials before a time, as an instruction without the period."""

    def next_read(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when CIPP reads its credentials next by itself, or None if that is not certain."""

    def reason_to_wait(self, *, updates: bool) -> str | None:
        """Return why a restart for a new credential must wait, as a sentence, or None if it need not.

        `updates`: a restart may also update CIPP (`KEY_ROTATION_RESTART_CIPP` is `update`).
        """

    def pause(self, now: Callable[[], datetime], zone: Callable[[], tzinfo]) -> datetime | None:
        """Return until when the timers renew no key, because CIPP's own jobs run, or None if they may.

        `now` and `zone` are called only if it depends on them.
        """

    @property
    def zone_note(self) -> str:
        """When a new time zone is effective in CIPP, as a sentence, "" if that is unknown."""

    @property
    def needs_flag(self) -> bool:
        """Whether a client secret is renewed only if CIPP's flag for certificate-only mode was read.

        Otherwise it is also renewed in its last week, if this app does not know CIPP's storage account.
        """

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether restarts are blocked now, because one would interrupt CIPP's own jobs."""

    def restart(self, name: str, *, updates: bool = False) -> "Restarted":
        """Restart one of the apps in `uptimes`. `updates`: it may also update CIPP.

        Raises:
            ConflictError: The app is this app, or the restart may update CIPP, and `updates` is not set.
            AzureRefusedError: Azure refused. If the status is 400 to 499 except 408 and 429, nothing was restarted.
            AzureUnreachableError: The app may have restarted.
        """


class Hosting(Protocol):
    """CIPP's capabilities in its shape. Each is loaded and created on first use.

    This is a protocol because a dataclass of services would load all of them at the first use of one.
    """

    @property
    def shape(self) -> "Shape":
        """The shape."""

    @property
    def apps(self) -> Apps:
        """The apps, to list, start, stop and restart them."""

    @property
    def settings(self) -> AppSettings:
        """The apps' settings."""

    @property
    def code(self) -> Code:
        """The code that the apps run."""

    @property
    def versions(self) -> Versions:
        """The versions of CIPP's image."""

    @property
    def frontend(self) -> Frontend:
        """The static web app that serves CIPP's frontend."""

    @property
    def domains(self) -> Domains:
        """The frontend's domains."""

    @property
    def cipp_domains(self) -> CippDomains:
        """CIPP's domains, in any shape."""

    @property
    def users(self) -> UserRoles:
        """The users with roles."""

    @property
    def cipp_users(self) -> CippUsers:
        """CIPP's users in any shape."""

    @property
    def invitations(self) -> Invitations:
        """Invitations to a role."""

    @property
    def migration(self) -> Migration:
        """The migration to a container."""

    @property
    def sign_in(self) -> SignIn:
        """The sign-in of users to CIPP."""

    @property
    def processes(self) -> Processes:
        """CIPP's processes: their start times and restarts."""

    @property
    def completers(self) -> "Mapping[str, Completer]":
        """What completes the operations of this shape, by their kind."""

    @property
    def probes(self) -> "Sequence[Probe]":
        """The probes of CIPP's parts for the overview, in the order of the cards."""

    @property
    def needs(self) -> "HostingNeeds":
        """The permissions that this app's identity needs on the resources that host CIPP."""


class Core(Protocol):
    """The services that each shape is built from."""

    @property
    def mode(self) -> "Mode":
        """What the deployment of this installation allows."""

    @property
    def clients(self) -> "Clients":
        """The clients of the SDKs."""

    @property
    def discovery(self) -> "Discovery":
        """The discovery of this installation in Azure."""

    @property
    def tables(self) -> "CippTables":
        """CIPP's tables: its time zone and its tenants."""

    @property
    def logbook(self) -> "Logbook":
        """CIPP's Logbook."""

    @property
    def access_tables(self) -> "AccessTables":
        """CIPP's access tables."""

    @property
    def cipp_settings(self) -> "CippSettingsInAzure":
        """The settings of CIPP's main app that this app depends on."""

    @property
    def sam_graph(self) -> "SamGraph":
        """Microsoft Graph as CIPP's SAM app."""

    @property
    def key_vault(self) -> "KeyVault":
        """CIPP's key vault."""

    @property
    def allowed_users_writer(self) -> "AllowedUsersWriter":
        """The changes of the users of a container CIPP."""

    @property
    def installation_states(self) -> "InstallationStates":
        """The states of the installation."""
