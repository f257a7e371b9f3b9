"""The settings of CIPP's apps and of this app, in any shape: which app is meant, and the rules for its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.azure.clients import Clients
from backend.hosting.app_settings import Change, RestartByWrite, SettingsInAzure
from backend.hosting.results.apps import Consent, FunctionApp, Setting, SettingsAct
from backend.hosting.setting_rules import Rules
from backend.installation.discovery import Discovery


class FindsApps(Protocol):
    """The apps of one shape."""

    def find(self, name: str | None) -> FunctionApp:
        """Return the app with that name, by default the main app.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """


@dataclass(frozen=True)
class Manner:
    """How an app's settings are changed: by which rules, and with which plan of the restart, if it needs one."""

    rules: Rules
    restart: Callable[[], RestartByWrite] | None = None


class SettingsOfApps:
    """The service of the settings. Requires Website Contributor on the apps.

    `manner` returns how an app's settings are changed. It raises if they can't be.
    """

    def __init__(
        self, clients: Clients, discovery: Discovery, apps: FindsApps, manner: Callable[[FunctionApp, Consent], Manner]
    ) -> None:
        self._apps = apps
        self._manner = manner
        self._azure = SettingsInAzure(clients, discovery)

    def settings(self, name: str | None) -> list[Setting]:
        """Return an app's settings, by name. Values are masked, except harmless ones of the expected kind."""
        return self._azure.settings(self._apps.find(name))

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, consent: Consent
    ) -> SettingsAct:
        """Set and remove settings, and keep every other one. The write restarts the app.

        Raises:
            InvalidInputError: A name breaks App Service's rule, is both set and removed, or is never changed by this
                app. Or a value for this app is not valid for its setting.
            ConflictError: Another writer is active, or the change needs a consent: it is on this app, or on a setting
                without which the app does not start. Or a start of a container may be an update, or comes too often.
            AzureError: The settings could not be read or written. The message states the current ones.
        """
        app = self._apps.find(name)
        manner = self._manner(app, consent)
        change = Change(to_set, remove)
        return self._azure.change(app, change, manner.rules, dry_run=dry_run, consent=consent, restart=manner.restart)
