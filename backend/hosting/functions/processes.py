"""The processes of CIPP's function apps, which read CIPP's credentials when they start.

CIPP 10.8.5 and later also read them each night at 00:30, but only in the process that runs CIPP's permissions check.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, tzinfo
from typing import Final

from backend.azure.clients import Clients
from backend.cipp import midnight
from backend.cipp.key_reads import Sign
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.functions.uptime import UptimesInAzure
from backend.hosting.results.apps import Restarted
from backend.hosting.uptimes import restart_them
from backend.installation.discovery import Discovery

HOST_ZONE: Final = (
    "If the plan supports WEBSITE_TIME_ZONE (Windows, Linux Premium and Dedicated, but not Linux Consumption or Flex), "
    "also set it with ExecFunctionAppSettings, for the timers that the host starts."
)


class FunctionAppProcesses:
    """The service of the processes. Requires Website Contributor on the apps."""

    zone_note: Final = HOST_ZONE
    sign_in_secret: Final = None  # the static web app signs users in
    needs_flag: Final = False  # most were installed before the flag existed, also those without CIPP's storage

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._apps = apps
        self._limits = clients.limits
        self.uptimes = UptimesInAzure(clients, discovery, apps)

    @property
    def signs(self) -> Collection[Sign]:
        """The permissions check. It counts only if CIPP is one app on one instance of a plan that doesn't scale."""
        return (Sign.ACCESS_CHECK,)

    @property
    def restart_seconds(self) -> float:
        """The longest time that one restart takes, in seconds. The same code starts again."""
        return self._limits.restart_timeout_seconds

    def advice(self, names: Sequence[str], before: datetime | None = None) -> str:
        """Return the instruction to restart the apps."""
        return restart_them(names, before)

    def next_read(self, now: datetime, zone: tzinfo) -> None:
        """Return None: which of CIPP's processes read at night depends on CIPP's version."""

    def reason_to_wait(self, *, updates: bool) -> None:
        """Return None: the same code starts again."""

    def pause(self, now: Callable[[], datetime], zone: Callable[[], tzinfo]) -> None:
        """Return None: the timers don't wait for CIPP's own jobs, as each key that is stored signs in."""

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether CIPP's own timers may be running, which a restart would interrupt."""
        return midnight.is_quiet(now, zone)

    def restart(self, name: str, *, updates: bool = False) -> Restarted:  # noqa: ARG002 - the same code starts again
        """Restart an app.

        Raises:
            ConflictError: The app is this app.
            AzureUnreachableError: Azure did not respond within `restart_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        return self._apps.restart(name)
