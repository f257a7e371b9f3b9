"""CIPP's process in a container, which reads its credentials when it starts and each night at 00:30 of its time zone.

The nightly read is from CIPP's public source of August 2026 and was never run. An older CIPP does not do it. Then
nothing shows that it has a new key, and old ones stay. Process start times of Azure Resource Manager are not used,
because it is unknown what they mean for a container.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, tzinfo
from typing import Final, Protocol

from backend.azure.clients import Clients
from backend.cipp import night
from backend.cipp.key_reads import Sign
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.container.sign_in.reference import SignInReference
from backend.hosting.container.updates.cipps_own import settings_of
from backend.hosting.container.updates.cipps_rows import CippsRows
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results.apps import FunctionApp, Restarted
from backend.hosting.uptimes import Uptime, Uptimes, restart_them
from backend.internal_errors import stack_of

logger = logging.getLogger("cipp.uptime")
READY_SECONDS: Final = 180.0  # how long a restart waits until CIPP is ready again
_STOPPED: Final = "Stopped"  # the state of an app that is not started
_UPDATE: Final = (
    "{update} CIPP reads its keys at 00:30 of its time zone without a restart. To allow the update, set "
    "KEY_ROTATION_RESTART_CIPP to update."
)

_ZONE: Final = (
    "CIPP looks for updates in the new zone immediately. Its other timers use it after the container's next start, "
    "also the one that reads its keys at 00:30. A start may update CIPP: ExecFunctionAppRestart with DryRun shows it."
)


class Image(Protocol):
    """The image that a start would pull."""

    def possible_update(self) -> str | None:
        """Return why a start may be an update, as a sentence, or None if it certainly is not."""


class ContainerApps(Protocol):
    """The site of CIPP's container."""

    def apps_and_others(self) -> tuple[Sequence[FunctionApp], Sequence[str]]:
        """Return the sites as Azure shows them, the main app first, and the names of other containers and slots."""

    def restart(self, name: str, *, updates: bool = False) -> Restarted:
        """Restart the site, and follow CIPP for at most `READY_SECONDS`.

        `moment` is the time of the request, if another process was seen ready afterwards. Then it is stored with
        `OwnRestarts.note`. Otherwise it is None, because the old process may still run.
        """


class ContainerProcesses:
    """The service of the process. Requires Website Contributor on the site.

    `is_single` returns whether the plan certainly has one instance. Otherwise no sign of one process counts.
    `sign_in_secret` is the reference through which App Service has the secret of CIPP's sign-in.
    """

    zone_note: Final = _ZONE
    needs_flag: Final = True

    def __init__(
        self,
        clients: Clients,
        apps: ContainerApps,
        image: Image,
        is_single: Callable[[], bool],
        *,
        sign_in_secret: SignInReference | None = None,
    ) -> None:
        self.sign_in_secret = sign_in_secret
        self._clients = clients
        self._apps = apps
        self._image = image
        self.uptimes = ContainerUptimes(clients, apps, is_single)

    @property
    def signs(self) -> Collection[Sign]:
        """All of CIPP's tables, because one process writes them."""
        return tuple(Sign)

    @property
    def restart_seconds(self) -> float:
        """The longest time that one restart takes, in seconds."""
        return self._clients.limits.restart_timeout_seconds + READY_SECONDS

    def advice(self, names: Sequence[str], before: datetime | None = None) -> str:
        """Return the instruction to wait for the nightly read, or to restart the container."""
        restart = restart_them(names, before)
        return f"Let CIPP read its keys at 00:30 of its time zone, or {restart[:1].lower()}{restart[1:]}"

    def next_read(self, now: datetime, zone: tzinfo) -> datetime:
        """Return the next 00:30 of CIPP's zone."""
        return night.next_read(now, zone)

    def reason_to_wait(self, *, updates: bool) -> str | None:
        """Return why a restart must wait: it may update CIPP, which the setting does not allow."""
        if updates:
            return None
        try:
            update = self._image.possible_update()
        except BackendError as error:
            update = f"It is unknown whether a restart would update CIPP: {error}"
        return _UPDATE.format(update=update) if update else None

    def pause(self, now: Callable[[], datetime], zone: Callable[[], tzinfo]) -> datetime | None:
        """Return until when CIPP's own update, renewal and permissions check may run."""
        return night.pause_until(now(), zone(), self._update_time())

    def _update_time(self) -> night.UpdateTime:
        """Return when CIPP looks for an update. If its settings can't be read, that is CIPP's default."""
        try:
            settings = settings_of(CippsRows(self._clients).update_settings())
        except BackendError:
            return night.UpdateTime()
        is_off = not settings.updates_itself or settings.interval is None
        return night.UpdateTime(None if is_off else settings.hour)

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether a restart would interrupt CIPP's jobs of the night."""
        return self.pause(lambda: now, lambda: zone) is not None

    def restart(self, name: str, *, updates: bool = False) -> Restarted:
        """Restart the container, and follow CIPP until it is ready.

        Raises:
            ConflictError: The app is this app, it was started too often, or the restart may be an update that is not
                allowed.
            AzureUnreachableError: Azure did not respond. The container may have restarted.
            BackendError: The restart failed.
        """
        return self._apps.restart(name, updates=updates)


class ContainerUptimes(Uptimes):
    """The last restart by this app after which CIPP was ready. CIPP's tables show the rest."""

    def __init__(self, clients: Clients, apps: ContainerApps, is_single: Callable[[], bool]) -> None:
        self._clients = clients
        self._apps = apps
        self._is_single = is_single
        self._own_restarts = OwnRestarts(clients)

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return the main app, or [] if it can't be listed.

        With other containers or slots in the group, or several instances, one process shows nothing of the others.
        """
        latest = Deadline.after(self._clients.limits.azure_deadline_seconds)
        deadline = latest if deadline is None else min(deadline, latest)
        if deadline.expired:
            return []
        stored = background.start(self._own_restarts.known, name="read the stored restarts")
        listing = background.start(self._apps.apps_and_others, name="list CIPP's app")
        counting = background.start(self._is_single, name="read CIPP's plan")
        try:
            apps, others = background.by(deadline, listing, what="list CIPP's app")
            is_alone = background.by(deadline, counting, what="read CIPP's plan") and not others
            restarted = background.by(deadline, stored, what="read the stored restarts")
        except BackendError:
            return []
        except Exception as error:  # noqa: BLE001 - after any error it is unknown, and the run continues
            logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                "Uptime unknown: internal error.", extra={"stack": stack_of(error)}
            )
            return []
        return [
            Uptime(
                app.name,
                restarted.get(app.name.lower()) if is_alone else None,
                idle=is_alone and app.state == _STOPPED,
                is_single=is_alone,
            )
            for app in apps
            if app.is_main
        ]
