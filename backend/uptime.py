"""Since when CIPP's apps run, as Azure shows or as this app restarted them: CIPP reads its keys once per process.

Never run against real Azure: on Linux Consumption and Flex it may show no instances or no processes of a running app.
Then its start is unknown, as it is if Azure leaves out a value or shows one that can't be read. No look fails by that.
Needs Microsoft.Web/sites/instances/processes/read on the apps (Website Contributor has it).
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureUnreachableError, BackendError, while_trying_to
from backend.function_apps import FunctionApp, FunctionApps
from backend.own_restarts import OwnRestarts
from backend.stack import stack_of

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger("cipp.uptime")
T = TypeVar("T")
STOPPED: Final = "Stopped"  # the state of an app that is not started


@dataclass(frozen=True)
class Uptime:
    """One app. `since` is when its oldest process began, None if unknown. `idle`: it is stopped, so no process runs."""

    name: str
    since: datetime | None
    idle: bool = False

    def started_after(self, moment: datetime) -> bool | None:
        """Return whether every process is younger than the moment, or None if that is unknown."""
        if self.idle:
            return True
        return self.since > moment if self.since else None


class Uptimes(ABC):
    """Since when CIPP's apps run: the main app and each offload app."""

    @abstractmethod
    def uptimes(self, until: float | None = None) -> list[Uptime]:
        """Return the uptime of each app, or [] if the apps can't be listed. Nothing is raised.

        `until`, in seconds of `time.monotonic`, limits the wait. What Azure has not shown by then is unknown.
        """

    def all_since(self, now: datetime) -> datetime | None:
        """Return since when every app has run at least, or None if that is not known of each app."""
        since = [now if uptime.idle else uptime.since for uptime in self.uptimes()]
        known = [start for start in since if start]
        return min(known) if known and len(known) == len(since) else None

    def not_restarted_since(self, moment: datetime) -> list[str] | None:
        """Return the apps that are not known to have started after the moment, or None if no app can be listed."""
        uptimes = self.uptimes()
        return [uptime.name for uptime in uptimes if not uptime.started_after(moment)] if uptimes else None


class UptimesInAzure(Uptimes):
    """The uptimes as Azure shows them at each call, or as this app remembers its own restarts.

    One look takes at most `azure_deadline_seconds`, for all apps together. Requires Website Contributor on the apps.
    """

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._own_restarts = OwnRestarts(clients)

    def uptimes(self, until: float | None = None) -> list[Uptime]:
        """Look at all apps concurrently. For apps whose start Azure does not show, read the remembered restarts."""
        latest = time.monotonic() + self._clients.limits.azure_deadline_seconds
        ends_at = latest if until is None else min(until, latest)
        if time.monotonic() >= ends_at:
            return []
        remembered = at_once.start(self._own_restarts.known, name="read the remembered restarts")
        apps = _by(ends_at, at_once.start(self._listed, name="list CIPP's apps"), what="list CIPP's apps") or []
        looks = [(app, self._look(app, ends_at)) for app in apps]
        uptimes = [
            Uptime(app.name, _by(ends_at, look, what=f"look at '{app.name}'") if look else None, idle=look is None)
            for app, look in looks
        ]
        if all(uptime.since or uptime.idle for uptime in uptimes):
            return uptimes
        restarted = _by(ends_at, remembered, what="read the remembered restarts") or {}
        return [
            uptime if uptime.since or uptime.idle else replace(uptime, since=restarted.get(uptime.name.lower()))
            for uptime in uptimes
        ]

    def _listed(self) -> list[FunctionApp]:
        return [app for app in self._apps.apps() if app.is_main or app.offload_suffix]

    def _look(self, app: FunctionApp, ends_at: float) -> "Future[datetime | None] | None":
        """Begin to look at a running app; None if it is stopped."""
        if app.state == STOPPED:
            return None
        return at_once.start(partial(self._since, app.name, ends_at), name=f"look at the processes of {app.name}")

    def _since(self, name: str, ends_at: float) -> datetime | None:
        """Return when the oldest process of an app began, or None if Azure does not show that of each instance."""
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        with while_trying_to(f"look at the processes of '{name}'"):
            starts = [
                _start(sites, group, name, instance.name if instance else None, ends_at)
                for instance in sites.list_instance_identifiers(group, name)
            ]
        return _oldest(starts)


class UptimeLook(Uptimes):
    """One look at the uptimes, which all parts of one run share. It is made when the first of them needs it."""

    def __init__(self, uptimes: Uptimes, ends_at: float) -> None:
        """`ends_at`, in seconds of `time.monotonic`, is the end of the run: no look begins after it or goes past it."""
        self._uptimes = uptimes
        self.ends_at = ends_at
        self._lock = threading.Lock()
        self._seen: list[Uptime] | None = None

    def uptimes(self, until: float | None = None) -> list[Uptime]:
        """Return what the one look has shown. A thread that comes during the look waits for it."""
        with self._lock:
            if self._seen is None:
                ends_at = self.ends_at if until is None else min(until, self.ends_at)
                if time.monotonic() >= ends_at:
                    return []
                self._seen = self._uptimes.uptimes(ends_at)
            return list(self._seen)

    def restarted(self, name: str, moment: datetime) -> None:
        """Keep that this run restarted an app, and that Azure confirmed it at the moment."""
        with self._lock:
            self._seen = [
                replace(uptime, since=moment) if uptime.name.lower() == name.lower() else uptime
                for uptime in self._seen or []
            ]


def _by(ends_at: float, look: "Future[T]", *, what: str) -> T | None:
    """Return what a look has shown, or None if it failed or takes too long. An unexpected error is logged."""
    try:
        return at_once.by(ends_at, look, what=what)
    except BackendError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever Azure returned, the start is unknown and the run goes on
        logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
            "Couldn't %s: internal error. The start is unknown.", what, extra={"stack": stack_of(error)}
        )
        return None


def _start(
    sites: Any,  # noqa: ANN401 - no SDK for a type
    group: str,
    name: str,
    instance: str | None,
    ends_at: float,
) -> datetime | None:
    """Return when the oldest process of an instance began, without those of its deployment site.

    None if that is unknown: Azure does not show it of each process, or shows no process.

    Raises:
        AzureUnreachableError: The time is over.
    """
    if not instance:
        return None
    starts: list[datetime | None] = []
    _check_time(ends_at)
    for process in sites.list_instance_processes(group, name, instance):
        number = _properties(process).get("id")
        if not isinstance(number, int):
            return None
        _check_time(ends_at)
        properties = _properties(sites.get_instance_process(group, name, str(number), instance))
        of_deployment_site = properties.get("is_scm_site", False)  # Kudu leaves it out where it is false
        if of_deployment_site is True:
            continue
        starts.append(_moment(properties.get("start_time")) if of_deployment_site is False else None)
    return _oldest(starts)


def _oldest(starts: list[datetime | None]) -> datetime | None:
    """Return the oldest start, or None if there is none or one is unknown."""
    known = [start for start in starts if start]
    return min(known) if known and len(known) == len(starts) else None


def _properties(resource: Any) -> dict[str, Any]:  # noqa: ANN401 - no SDK for a type
    """Return the properties of a resource, or {} if Azure shows none."""
    properties = resource.as_dict().get("properties") if resource else None
    return properties if isinstance(properties, dict) else {}


def _check_time(ends_at: float) -> None:
    if time.monotonic() >= ends_at:
        raise AzureUnreachableError("Couldn't look at all processes of CIPP's apps: Azure took too long.")


def _moment(text: object) -> datetime | None:
    """Return the moment of a text in ISO 8601, in UTC if it names no offset, or None if it can't be read."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
