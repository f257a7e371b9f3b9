"""The settings of CIPP's function apps."""

from collections.abc import Mapping, Sequence

from backend.azure.clients import Clients
from backend.hosting.app_settings import Change, SettingsInAzure
from backend.hosting.functions.apps import FunctionApps, must_be_function_app
from backend.hosting.results import Consent, Setting, SettingsAct
from backend.hosting.setting_rules import FUNCTION_APP
from backend.installation.discovery import Discovery


class FunctionAppSettings:
    """The service of the settings. Requires Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._apps = apps
        self._azure = SettingsInAzure(clients, discovery)

    def settings(self, name: str | None) -> list[Setting]:
        """Return an app's settings, by name. Values are masked, except harmless ones of the expected kind."""
        return self._azure.settings(self._apps.find(name))

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, consent: Consent
    ) -> SettingsAct:
        """Set and remove settings, and keep every other one. The write restarts the app, with the same code.

        Raises:
            InvalidInputError: A name breaks App Service's rule, is both set and removed, or is never changed by this
                app. Or a value for this app is not valid for its setting.
            ConflictError: Another writer is active, or the change needs `force`: it is on this app, or on a setting
                without which the app does not start.
            AzureError: The settings could not be read or written. The message states the current ones.
        """
        app = self._apps.find(name)
        must_be_function_app(app)
        return self._azure.change(app, Change(to_set, remove), FUNCTION_APP, dry_run=dry_run, consent=consent)
