"""The settings of CIPP's function apps. A write restarts the app, with the same code."""

from backend.azure.clients import Clients
from backend.hosting.functions.apps import FunctionApps, must_be_function_app
from backend.hosting.results.apps import Consent, FunctionApp
from backend.hosting.setting_rules import FUNCTION_APP
from backend.hosting.settings_of_apps import Manner, SettingsOfApps
from backend.installation.discovery import Discovery


def function_app_settings(clients: Clients, discovery: Discovery, apps: FunctionApps) -> SettingsOfApps:
    """Return the service of the settings. It changes none of a main app that has become another kind of app."""
    return SettingsOfApps(clients, discovery, apps, _manner)


def _manner(app: FunctionApp, _consent: Consent) -> Manner:
    must_be_function_app(app)
    return Manner(FUNCTION_APP)
