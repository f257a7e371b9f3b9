"""CIPP in the shape of one container on App Service. Each capability is loaded and created on first use."""

from typing import TYPE_CHECKING, Final

from backend.concurrency.made_once import made_once
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.hosting.container.absent import (
        NoDomains,
        NoForkDeployments,
        NoInvitations,
        NoStaticWebApp,
        NoUserRoles,
    )
    from backend.hosting.container.apps import ContainerApps
    from backend.hosting.container.image import ContainerImage
    from backend.hosting.container.processes import ContainerProcesses
    from backend.hosting.container.start_plan import ContainerStarts
    from backend.hosting.container.web_app import WebApp
    from backend.hosting.hosting import Core, Hosting
    from backend.hosting.settings_of_apps import SettingsOfApps
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe


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
    def frontend(self) -> "NoStaticWebApp":
        from backend.hosting.container.absent import NoStaticWebApp

        return NoStaticWebApp()

    @made_once
    def domains(self) -> "NoDomains":
        from backend.hosting.container.absent import NoDomains

        return NoDomains()

    @made_once
    def users(self) -> "NoUserRoles":
        from backend.hosting.container.absent import NoUserRoles

        return NoUserRoles()

    @made_once
    def invitations(self) -> "NoInvitations":
        from backend.hosting.container.absent import NoInvitations

        return NoInvitations()

    @made_once
    def processes(self) -> "ContainerProcesses":
        from backend.hosting.container.processes import ContainerProcesses

        main_app = self._core.discovery.main_app
        return ContainerProcesses(self._core.clients, self.apps, self.image, lambda: main_app.seen().is_single)

    @made_once
    def probes(self) -> "Sequence[Probe]":
        from backend.hosting.container.probes import probes

        return probes(self._core, self.web_app)

    @made_once
    def needs(self) -> "HostingNeeds":
        from backend.hosting.container.needs import hosting_needs

        return hosting_needs(self._core.discovery, self._core.mode)
