"""The uptimes of CIPP's apps, from Azure or from this app's own restarts. CIPP reads its keys when a process starts.

This was never run against real Azure. On Linux Consumption and Flex, Azure may not show the instances or processes of a
running app. Then its start is unknown, which is not an error. The same applies if a value is missing or can't be read.
An app is single if it has one instance, and a plan on which it never had another one that may have written a row.
Requires Microsoft.Web/sites/instances/processes/read on the apps (part of Website Contributor).
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError, BackendError, NotFoundError
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results.apps import FunctionApp
from backend.hosting.uptimes import Uptime, Uptimes
from backend.installation.discovery import Discovery
from backend.internal_errors import stack_of
from backend.readings import count_or_none, properties_of, text_or_none, time_or_none

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger("cipp.uptime")
T = TypeVar("T")
STOPPED: Final = "Stopped"  # the state of an app that is not started


class UptimesInAzure(Uptimes):
    """The uptimes as Azure shows them at each call, or from the stored restarts of this app.

    One call takes at most `azure_deadline_seconds` for all apps together. Requires Website Contributor on the apps.
    """

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._own_restarts = OwnRestarts(clients)

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return the uptimes of all apps, read concurrently. Stored restarts replace starts that Azure omits."""
        latest = Deadline.after(self._clients.limits.azure_deadline_seconds)
        deadline = latest if deadline is None else min(deadline, latest)
        if deadline.expired:
            return []
        stored = background.start(self._own_restarts.known, name="read the stored restarts")
        listing = background.start(self._apps.apps_and_fixed, name="list CIPP's apps")
        listed_apps, fixed = _by(deadline, listing, what="list CIPP's apps") or ([], frozenset())
        apps = [app for app in listed_apps if app.is_main or app.offload_suffix]
        looks = [(app, self._look(app, deadline)) for app in apps]
        uptimes = []
        for app, look in looks:
            start = _by(deadline, look, what=f"read the uptime of '{app.name}'") if look else None
            since, is_single = (start.since, start.is_single) if start else (None, False)
            is_single = is_single and app.name.lower() in fixed
            uptimes.append(Uptime(app.name, since, idle=look is None, is_single=is_single))
        if all(uptime.since or uptime.idle for uptime in uptimes):
            return uptimes
        restarted = _by(deadline, stored, what="read the stored restarts") or {}
        return [
            uptime if uptime.since or uptime.idle else replace(uptime, since=restarted.get(uptime.name.lower()))
            for uptime in uptimes
        ]

    def _look(self, app: FunctionApp, deadline: Deadline) -> "Future[_Start] | None":
        """Return the lookup of a running app's start, None if the app is stopped."""
        if app.state == STOPPED:
            return None
        return background.start(partial(self._since, app.name, deadline), name=f"read the processes of {app.name}")

    def _since(self, name: str, deadline: Deadline) -> "_Start":
        """Return the start of an app's oldest process, unknown if that of an instance is."""
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        with while_trying_to(f"list the instances of '{name}'"):
            instances = listed(sites.list_instance_identifiers, group, name)
        is_single = len(instances) == 1
        try:
            with while_trying_to(f"read the processes of '{name}'"):
                starts = [
                    _start(sites, group, name, text_or_none(instance.get("name")), deadline) for instance in instances
                ]
        except NotFoundError:  # Azure does not show the processes of some plans
            return _Start(None, is_single)
        return _Start(_oldest(starts), is_single)


@dataclass(frozen=True)
class _Start:
    """The start of an app's oldest process, and whether Azure shows exactly one instance."""

    since: datetime | None
    is_single: bool


def _by(deadline: Deadline, look: "Future[T]", *, what: str) -> T | None:
    """Return the result of a lookup, None if it failed or takes too long. An internal error is logged."""
    try:
        return background.by(deadline, look, what=what)
    except BackendError:
        return None
    except Exception as error:  # noqa: BLE001 - after any error the start is unknown, and the run continues
        logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
            "Couldn't %s: internal error. The start is unknown.", what, extra={"stack": stack_of(error)}
        )
        return None


def _start(
    sites: Any,  # noqa: ANN401 - no SDK for a type
    group: str,
    name: str,
    instance: str | None,
    deadline: Deadline,
) -> datetime | None:
    """Return the start of an instance's oldest process, without those of its deployment site.

    Return None if it is unknown: Azure does not show it for each process, or does not show any process.

    Raises:
        AzureUnreachableError: The deadline has passed.
    """
    if not instance:
        return None
    starts: list[datetime | None] = []
    _check_time(deadline)
    for process in listed(sites.list_instance_processes, group, name, instance):
        number = count_or_none(properties_of(process).get("id"))
        if number is None:
            return None
        _check_time(deadline)
        properties = properties_of(fetched(sites.get_instance_process, group, name, str(number), instance))
        of_deployment_site = properties.get("is_scm_site", False)  # Kudu omits it if it is false
        if of_deployment_site is True:
            continue
        starts.append(time_or_none(properties.get("start_time")) if of_deployment_site is False else None)
    return _oldest(starts)


def _oldest(starts: list[datetime | None]) -> datetime | None:
    """Return the oldest start, None if the list is empty or a start is unknown."""
    known = [start for start in starts if start]
    return min(known) if known and len(known) == len(starts) else None


def _check_time(deadline: Deadline) -> None:
    if deadline.expired:
        raise AzureUnreachableError("Couldn't read all processes of CIPP's apps: Azure took too long.")
