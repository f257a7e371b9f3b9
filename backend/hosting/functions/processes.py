"""The processes of CIPP's function apps, which read CIPP's credentials when they start."""

from datetime import datetime, tzinfo

from backend.azure.clients import Clients
from backend.cipp import midnight
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.functions.uptime import UptimesInAzure
from backend.hosting.results import Restarted
from backend.installation.discovery import Discovery


class FunctionAppProcesses:
    """The service of the processes. Requires Website Contributor on the apps."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._apps = apps
        self._limits = clients.limits
        self.uptimes = UptimesInAzure(clients, discovery, apps)

    @property
    def restart_seconds(self) -> float:
        """The longest time that one restart takes, in seconds. The same code starts again."""
        return self._limits.restart_timeout_seconds

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether CIPP's own timers may be running, which a restart would interrupt."""
        return midnight.is_quiet(now, zone)

    def restart(self, name: str) -> Restarted:
        """Restart an app.

        Raises:
            ConflictError: The app is this app.
            AzureUnreachableError: Azure did not respond within `restart_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        return self._apps.restart(name)
