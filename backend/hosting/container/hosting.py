"""CIPP in the shape of one container on App Service. Each capability is loaded and created on first use."""

from typing import TYPE_CHECKING, Final

from backend.concurrency.made_once import made_once
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backend.hosting.container.absent import (
        NoDomains,
        NoForkDeployments,
        NoInvitations,
        NoMigration,
        NoStaticWebApp,
        NoUserRoles,
    )
    from backend.hosting.container.apps import ContainerApps
    from backend.hosting.container.domains.service import ContainerDomains
    from backend.hosting.container.image import ContainerImage
    from backend.hosting.container.processes import ContainerProcesses
    from backend.hosting.container.sign_in.reference import SignInReference
    from backend.hosting.container.sign_in.service import ContainerSignInRepair
    from backend.hosting.container.start_plan import ContainerStarts
    from backend.hosting.container.users.service import ContainerUsers
    from backend.hosting.container.versions.completion import VersionCompletion
    from backend.hosting.container.versions.versions import ContainerVersions
    from backend.hosting.container.web_app import WebApp
    from backend.hosting.hosting import Core, Hosting
    from backend.hosting.settings_of_apps import SettingsOfApps
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe
    from backend.operations.results import Completer


def hosting(core: "Core") -> "Hosting":
    """Return the capabilities of CIPP in this shape."""
    return _ContainerHosting(core)


class _ContainerHosting:
    shape: Final = Shape.CONTAINER

    def __init__(self, core: "Core") -> None:
        self._core = core

    @made_once
    def image(self) -> "ContainerImage":
        """The image of the container."""
        from backend.hosting.container.image import ContainerImage

        return ContainerImage(self._core.clients, self._core.discovery, self._core.tables)

    @made_once
    def starts(self) -> "ContainerStarts":
        """The starts of the container."""
        from backend.hosting.container.start_plan import ContainerStarts
        from backend.hosting.container.starts import Starts

        return ContainerStarts(self._core.clients, self.image, Starts(self._core.clients))

    @made_once
    def web_app(self) -> "WebApp":
        """What the overview shows of the container."""
        from backend.hosting.container.web_app import WebApp

        return WebApp(self._core.clients, self.image)

    @made_once
    def sign_in_reference(self) -> "SignInReference":
        """The reference through which App Service has the secret of CIPP's sign-in."""
        from backend.hosting.container.sign_in.reference import SignInReference

        return SignInReference(self._core.clients, self._core.discovery)

    @made_once
    def apps(self) -> "ContainerApps":
        from backend.hosting.container.apps import ContainerApps

        return ContainerApps(self._core.clients, self._core.discovery, self.starts)

    @made_once
    def settings(self) -> "SettingsOfApps":
        from backend.hosting.container.app_settings import container_settings

        return container_settings(self._core.clients, self._core.discovery, self.apps, self.starts)

    @made_once
    def code(self) -> "NoForkDeployments":
        from backend.hosting.container.absent import NoForkDeployments

        return NoForkDeployments()

    @made_once
    def versions(self) -> "ContainerVersions":
        from backend.hosting.container.versions.change import VersionChanges
        from backend.hosting.container.versions.versions import ContainerVersions

        changes = VersionChanges(self._core.clients, self._core.discovery, self.image, self.version_completion)
        return ContainerVersions(self._core.clients, self.image, self._core.tables, changes)

    @made_once
    def version_completion(self) -> "VersionCompletion":
        """What completes changes of the version."""
        from backend.hosting.container.versions.completion import VersionCompletion
        from backend.hosting.container.versions.roll_back_records import RollBackRecords

        records = RollBackRecords(self._core.logbook, self._core.tables)
        return VersionCompletion(self._core.clients, self._core.discovery, self.image, records)

    @made_once
    def frontend(self) -> "NoStaticWebApp":
        from backend.hosting.container.absent import NoStaticWebApp

        return NoStaticWebApp()

    @made_once
    def domains(self) -> "NoDomains":
        from backend.hosting.container.absent import NoDomains

        return NoDomains()

    @made_once
    def cipp_domains(self) -> "ContainerDomains":
        from backend.hosting.container.domains.azure_domains import AzureDomains
        from backend.hosting.container.domains.callbacks import Callbacks
        from backend.hosting.container.domains.requests import DomainRequests
        from backend.hosting.container.domains.service import ContainerDomains

        clients, discovery = self._core.clients, self._core.discovery
        callbacks = Callbacks(clients, discovery, self._core.sam_graph)
        return ContainerDomains(
            clients, AzureDomains(clients, discovery), callbacks, DomainRequests(clients, discovery)
        )

    @made_once
    def users(self) -> "NoUserRoles":
        from backend.hosting.container.absent import NoUserRoles

        return NoUserRoles()

    @made_once
    def cipp_users(self) -> "ContainerUsers":
        from backend.hosting.container.users.service import ContainerUsers

        return ContainerUsers(self._core)

    @made_once
    def invitations(self) -> "NoInvitations":
        from backend.hosting.container.absent import NoInvitations

        return NoInvitations()

    @made_once
    def migration(self) -> "NoMigration":
        from backend.hosting.container.absent import NoMigration

        return NoMigration()

    @made_once
    def processes(self) -> "ContainerProcesses":
        from backend.hosting.container.processes import ContainerProcesses

        main_app = self._core.discovery.main_app
        return ContainerProcesses(
            self._core.clients,
            self.apps,
            self.image,
            lambda: main_app.seen().is_single,
            sign_in_secret=self.sign_in_reference,
        )

    @made_once
    def completers(self) -> "Mapping[str, Completer]":
        from backend.hosting.container.completion.starts import StartCompletion
        from backend.hosting.container.sign_in import completion
        from backend.hosting.container.start_plan import KIND
        from backend.hosting.container.versions.completion import KIND as VERSION

        sign_in = completion.SignInCompletion(self.sign_in.reader)
        starts = StartCompletion(self.image, self.starts)
        return {KIND: starts, VERSION: self.version_completion, completion.KIND: sign_in}

    @made_once
    def sign_in(self) -> "ContainerSignInRepair":
        from backend.hosting.container.sign_in.service import ContainerSignInRepair

        return ContainerSignInRepair(self._core, self.sign_in_reference)

    @made_once
    def probes(self) -> "Sequence[Probe]":
        from backend.hosting.container.probes import probes

        return probes(self._core, self.web_app)

    @made_once
    def needs(self) -> "HostingNeeds":
        from backend.hosting.container.needs import hosting_needs

        return hosting_needs(self._core.discovery, self._core.mode)
