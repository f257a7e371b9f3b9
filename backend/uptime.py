"""Since when CIPP's apps run, as Azure shows or as this app restarted them: CIPP reads its keys once per process.

Never run against real Azure: on Linux Consumption and Flex it may show no instances or no processes of a running app.
Then its start is unknown.
Needs Microsoft.Web/sites/instances/processes/read on the apps (Website Contributor has it).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import BackendError, while_trying_to
from backend.function_apps import FunctionApps
from backend.own_restarts import OwnRestarts

STOPPED: Final = "Stopped"  # the state of an app that is not started


@dataclass(frozen=True)
class Uptime:
    """One app. `since` is when its oldest process began, None if unknown. `idle`: it is stopped, so no process runs."""

    name: str
    since: datetime | None
    idle: bool = False

    def started_after(self, moment: datetime) -> bool | None:
        """Tell whether every process is younger than the moment; None if it is unknown."""
        if self.idle:
            return True
        return self.since > moment if self.since else None


class Uptimes:
    """The service of the apps' processes."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._own_restarts = OwnRestarts(clients)

    def uptimes(self) -> list[Uptime]:
        """Answer the uptime of the main app and each offload app; empty where the apps cannot be listed."""
        try:
            apps = [app for app in self._apps.apps() if app.is_main or app.offload_suffix]
        except BackendError:
            return []
        told = [Uptime(app.name, None, idle=True) if app.state == STOPPED else self._uptime(app.name) for app in apps]
        if all(uptime.since or uptime.idle for uptime in told):
            return told
        known = self._own_restarts.known()
        return [
            uptime if uptime.since or uptime.idle else replace(uptime, since=known.get(uptime.name.lower()))
            for uptime in told
        ]

    def all_since(self, now: datetime) -> datetime | None:
        """Answer since when every app has run at the least; None if that is not known of each."""
        since = [now if uptime.idle else uptime.since for uptime in self.uptimes()]
        known = [start for start in since if start]
        return min(known) if known and len(known) == len(since) else None

    def _uptime(self, name: str) -> Uptime:
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        try:
            with while_trying_to(f"look at the processes of '{name}'"):
                instances = [str(instance.name) for instance in sites.list_instance_identifiers(group, name)]
                starts = [start for instance in instances for start in _starts(sites, group, name, instance)]
        except BackendError:
            return Uptime(name, None)
        known = [start for start in starts if start]
        return Uptime(name, min(known) if known and len(known) == len(starts) else None)


def _starts(sites: Any, group: str, name: str, instance: str) -> list[datetime | None]:  # noqa: ANN401 - no SDK for a type
    """Answer the starts of an instance's processes, but those of its deployment site."""
    starts = []
    for process in sites.list_instance_processes(group, name, instance):
        number = str(process.as_dict()["properties"]["id"])
        told = sites.get_instance_process(group, name, number, instance).as_dict()["properties"]
        if not told.get("is_scm_site"):
            starts.append(_moment(told.get("start_time")))
    return starts


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
