"""CIPP in the shape of function apps with a static web app. Each capability is loaded and created on first use."""

from typing import TYPE_CHECKING, Final

from backend.concurrency.deadline import Deadline
from backend.concurrency.made_once import made_once
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backend.hosting.functions.absent import NoSignIn, NoVersions
    from backend.hosting.functions.apps import FunctionApps
    from backend.hosting.functions.code import FunctionAppDeployments
    from backend.hosting.functions.domains import FunctionsDomains
    from backend.hosting.functions.migration.preflight import MigrationPreflight
    from backend.hosting.functions.processes import FunctionAppProcesses
    from backend.hosting.functions.static_web_app.domains import StaticWebAppDomains
    from backend.hosting.functions.static_web_app.invitations import StaticWebAppInvitations
    from backend.hosting.functions.static_web_app.site import StaticWebApp
    from backend.hosting.functions.static_web_app.users import StaticWebAppUsers
    from backend.hosting.functions.users import StaticWebAppCippUsers
    from backend.hosting.hosting import Core, Hosting
    from backend.hosting.settings_of_apps import SettingsOfApps
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe
    from backend.operations.results import Completer

STATES_SECONDS: Final = 2.5  # how long the overview waits for the states of the installation


def hosting(core: "Core") -> "Hosting":
    """Return the capabilities of CIPP in this shape."""
    return _FunctionsHosting(core)


class _FunctionsHosting:
    shape: Final = Shape.FUNCTIONS

    def __init__(self, core: "Core") -> None:
        self._core = core

    @made_once
    def apps(self) -> "FunctionApps":
        from backend.hosting.functions.apps import FunctionApps

        return FunctionApps(self._core.clients, self._core.discovery)

    @made_once
    def settings(self) -> "SettingsOfApps":
        from backend.hosting.functions.app_settings import function_app_settings

        return function_app_settings(self._core.clients, self._core.discovery, self.apps)

    @made_once
    def code(self) -> "FunctionAppDeployments":
        from backend.hosting.functions.code import FunctionAppDeployments

        return FunctionAppDeployments(self._core.clients, self._core.discovery, self.apps)

    @made_once
    def versions(self) -> "NoVersions":
        from backend.hosting.functions.absent import NoVersions

        return NoVersions()

    @made_once
    def frontend(self) -> "StaticWebApp":
        from backend.hosting.functions.static_web_app.site import StaticWebApp

        return StaticWebApp(self._core.clients, self._core.discovery)

    @made_once
    def domains(self) -> "StaticWebAppDomains":
        from backend.hosting.functions.static_web_app.domains import StaticWebAppDomains

        return StaticWebAppDomains(self.frontend)

    @made_once
    def cipp_domains(self) -> "FunctionsDomains":
        from backend.hosting.functions.domains import FunctionsDomains

        return FunctionsDomains(self.frontend, self.domains)

    @made_once
    def users(self) -> "StaticWebAppUsers":
        from backend.hosting.functions.static_web_app.users import StaticWebAppUsers

        return StaticWebAppUsers(self._core.clients, self.frontend, self._core.access_tables)

    @made_once
    def cipp_users(self) -> "StaticWebAppCippUsers":
        from backend.hosting.functions.users import StaticWebAppCippUsers

        return StaticWebAppCippUsers(self.users, self.invitations, self.frontend, self._core.access_tables)

    @made_once
    def invitations(self) -> "StaticWebAppInvitations":
        from backend.hosting.functions.static_web_app.invitations import StaticWebAppInvitations

        return StaticWebAppInvitations(self.frontend, self.domains)

    @made_once
    def migration(self) -> "MigrationPreflight":
        from backend.hosting.functions.migration.preflight import MigrationPreflight

        core = self._core
        return MigrationPreflight(
            core.clients,
            core.discovery,
            core.access_tables,
            users=self.users,
            domains=self.domains,
            listed=core.allowed_users_writer,
        )

    @made_once
    def sign_in(self) -> "NoSignIn":
        from backend.hosting.functions.absent import NoSignIn

        return NoSignIn()

    @made_once
    def processes(self) -> "FunctionAppProcesses":
        from backend.hosting.functions.processes import FunctionAppProcesses

        return FunctionAppProcesses(self._core.clients, self._core.discovery, self.apps)

    @property
    def completers(self) -> "Mapping[str, Completer]":
        return {}

    @made_once
    def probes(self) -> "Sequence[Probe]":
        from backend.hosting.functions.probes import probes

        states = self._core.installation_states
        return probes(self._core.discovery, self.apps, lambda: states.warnings(Deadline.after(STATES_SECONDS)))

    @made_once
    def needs(self) -> "HostingNeeds":
        from backend.hosting.functions.needs import hosting_needs

        return hosting_needs(self._core.discovery, self.apps, self.frontend, self._core.mode)
