"""CIPP's function apps: the main app, its offload apps, and the app that answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from backend.clients import Clients
from backend.deployment import Deployment, offload_suffix
from backend.discovery import Discovery
from backend.errors import AzureError, BackendError, ConflictError, NotFoundError, while_trying_to
from backend.own_restarts import OwnRestarts
from backend.portal import Portal
from backend.quoting import quoted
from backend.values import Value

Action = Literal["start", "stop", "restart"]


class FunctionApp(Value, frozen=True):
    """One app as ARM shows it. `state` is Azure's word, `Running` or `Stopped`."""

    name: str
    state: str
    is_main: bool
    offload_suffix: str | None
    answers_this: bool
    default_host_name: str | None
    portal_link: str


class Controlled(Value, frozen=True):
    """What became of one app: what ARM showed afterwards, and what it cannot show."""

    name: str
    state: str | None
    seen: str
    not_seen: str | None = None


@dataclass(frozen=True)
class Restarted:
    """A restart that Azure confirmed. `moment` is the time of its response, None if that names no time."""

    app: Controlled
    moment: datetime | None


class Control(Value, frozen=True):
    """A start, stop or restart of one or more apps; a dry run tells in `would_do` what it would do."""

    dry_run: bool
    would_do: list[str]
    apps: list[Controlled]


class FunctionApps:
    """The service of the function apps. Reading needs Reader on the group, acting Website Contributor on the apps."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._own_restarts = OwnRestarts(clients)

    def apps(self) -> list[FunctionApp]:
        """List the apps of this deployment, the main app first. Needs Microsoft.Web/sites/read on the group."""
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        with while_trying_to(f"list the function apps of resource group '{group}'"):
            sites = list(self._clients.web(subscription).web_apps.list_by_resource_group(group))
        apps = [_app(site, deployment) for site in sites if _belongs(str(site.name), deployment)]
        return sorted(apps, key=lambda app: (not app.is_main, app.answers_this, app.name.lower()))

    def find(self, name: str | None, *, among: Sequence[FunctionApp] | None = None) -> FunctionApp:
        """Answer the app of that name, the main app if none is given; `among` those that were listed already.

        Raises:
            NotFoundError: It is none of this deployment's.
        """
        return self._targets(name, self.apps() if among is None else among, every=False)[0]

    def addresses(self) -> str:
        """Say from which addresses this app and CIPP's main app go out, as ARM tells; for an admin to compare."""
        subscription, group = self._discovery.deployment().group()
        said = []
        for app in self.apps():
            if app.is_main or app.answers_this:
                with while_trying_to(f"look up the addresses of '{app.name}'"):
                    site = self._clients.web(subscription).web_apps.get(group, app.name)
                addresses = str(site.as_dict()["properties"].get("possibleOutboundIpAddresses") or "unknown")
                said.append(f"'{app.name}' goes out from {addresses.replace(',', ', ')}.")
        return " ".join(said)

    def control(self, action: Action, *, name: str | None, every: bool, dry_run: bool, force: bool) -> Control:
        """Start, stop or restart one app (the main app if none is named), or the main and offload apps in turn.

        The first failure ends it: an app that did not come back is a reason to leave the next one alone.

        Raises:
            NotFoundError: The app is none of this deployment's.
            ConflictError: It is the app that answers, and `force` is not set.
        """
        targets = self._targets(name, self.apps(), every=every)
        refused = next((app for app in targets if app.answers_this and action != "start" and not force), None)
        reason = refused and (
            f"'{refused.name}' is the app that answers this call: a {action} cuts this API off"
            f"{' until someone starts it elsewhere' if action == 'stop' else ' for a while'}. "
            "Repeat with Force: true if that is meant."
        )
        if dry_run:
            would_do = [f"{action.capitalize()} '{app.name}', which is {app.state} now." for app in targets]
            return Control(dry_run=True, would_do=[f"Refuse: {reason}"] if reason else would_do, apps=[])
        if reason:
            raise ConflictError(reason)
        done: list[Controlled] = []
        for app in targets:
            try:
                done.append(self._act(action, app))
            except BackendError as error:
                raise _after(done, targets, error) from error
        return Control(dry_run=False, would_do=[], apps=done)

    def restart(self, name: str) -> Restarted:
        """Restart one app of this deployment, and remember it. Requires Website Contributor on the app.

        Nothing is looked up before: the caller has the name from a list.

        Raises:
            ConflictError: It is this app.
            AzureUnreachableError: Azure did not respond within `restart_timeout_seconds`. The app may have restarted.
            BackendError: Azure did not do it.
        """
        deployment = self._discovery.deployment()
        if name.lower() == (deployment.answering_app or "").lower():
            raise ConflictError(f"Couldn't restart '{name}': it is this app, and a restart ends the run.")
        subscription, group = deployment.group()
        return self._restart(self._clients.web(subscription).web_apps, group, name)

    def _targets(self, name: str | None, apps: Sequence[FunctionApp], *, every: bool) -> list[FunctionApp]:
        if every:
            targets = [app for app in apps if app.is_main or app.offload_suffix]
        elif name:
            targets = [app for app in apps if app.name.lower() == name.lower()]
        else:
            targets = [app for app in apps if app.is_main]
        if targets:
            return targets
        known = ", ".join(app.name for app in apps) or "none"
        wanted = quoted(name) if name else f"'{self._discovery.deployment().main_app}', the main app,"
        raise NotFoundError(
            f"{wanted} is not a function app of this deployment. Its apps are: {known}. "
            "CIPP_FUNCTION_APP names the main app; the others are named after it."
        )

    def _act(self, action: Action, app: FunctionApp) -> Controlled:
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        if action == "restart":
            return self._restart(sites, group, app.name).app
        with while_trying_to(f"{action} '{app.name}'"):
            # Both may be repeated: an app that is started twice is started.
            (sites.start if action == "start" else sites.stop)(group, app.name)
            state = str(sites.get(group, app.name).as_dict()["properties"]["state"])
        return Controlled(name=app.name, state=state, seen=f"ARM took the {action} and shows '{app.name}' {state}.")

    def _restart(self, sites: Any, group: str, name: str) -> Restarted:  # noqa: ANN401 - the SDK is not imported for a type
        """Restart, and look at what ARM shows for at most `restart_timeout_seconds`; requests in flight are lost."""
        limits = self._clients.limits
        began = time.monotonic()
        dates: list[str | None] = []
        with while_trying_to(f"restart '{name}'"):
            sites.restart(
                group,
                name,
                synchronous=True,
                retry_total=0,  # a repeated restart cuts off what the first one started
                read_timeout=limits.restart_timeout_seconds,
                raw_response_hook=lambda answer: dates.append(answer.http_response.headers.get("Date")),
            )
        moment = parsedate_to_datetime(dates[-1]) if dates and dates[-1] else None
        if moment:
            self._own_restarts.note(name, moment)
        ends = began + limits.restart_timeout_seconds
        while True:
            left = ends - time.monotonic()
            state, ready, instances = self._shown(sites, group, name, min(left, limits.azure_read_timeout_seconds))
            over = time.monotonic() + limits.restart_poll_seconds > ends
            if (state == "Running" and ready == instances) or state == "Stopped" or over:
                break
            time.sleep(limits.restart_poll_seconds)
        seen = (
            f"After {time.monotonic() - began:.0f} s ARM shows '{name}' {state or 'in no state'}, "
            f"{ready} of {instances} instances ready."
        )
        if state == "Stopped":
            seen += " A restart does not start a stopped app: call ExecFunctionAppStart."
        app = Controlled(
            name=name,
            state=state,
            seen=seen,
            not_seen="ARM cannot show whether the code in it has loaded and read its keys: call the app to know.",
        )
        return Restarted(app, moment)

    def _shown(self, sites: Any, group: str, name: str, seconds: float) -> tuple[str | None, int, int]:  # noqa: ANN401 - as above
        """Answer what ARM shows: the app's state, its ready instances and all; nothing where it does not answer."""
        once = {"read_timeout": max(seconds, 0.1) / 2, "retry_total": 0}
        try:
            with while_trying_to(f"look at '{name}' after its restart"):
                state = str(sites.get(group, name, **once).as_dict()["properties"]["state"])
                shown = sites.list_instance_identifiers(group, name, **once)
                instances = [instance.as_dict()["properties"] for instance in shown]
        except (AzureError, NotFoundError):
            return None, 0, 0
        ready = [instance for instance in instances if str(instance.get("state", "READY")).upper() == "READY"]
        return state, len(ready), len(instances)


def _belongs(name: str, deployment: Deployment) -> bool:
    """Tell whether a site is the main app, one of its offload apps, or the app that answers."""
    main, answering = (known.lower() if known else None for known in (deployment.main_app, deployment.answering_app))
    suffix = offload_suffix(name)
    is_offload = suffix is not None and main is not None and name.lower() == f"{main}-{suffix}"
    return name.lower() in (main, answering) or is_offload


def _app(site: Any, deployment: Deployment) -> FunctionApp:  # noqa: ANN401 - the SDK is not imported for a type
    name = str(site.name)
    main = (deployment.main_app or "").lower()
    suffix = offload_suffix(name)
    properties = site.as_dict()["properties"]
    return FunctionApp(
        name=name,
        state=str(properties["state"]),
        is_main=name.lower() == main,
        offload_suffix=suffix if name.lower() == f"{main}-{suffix}" else None,
        answers_this=name.lower() == (deployment.answering_app or "").lower(),
        default_host_name=properties.get("defaultHostName"),
        portal_link=Portal(deployment).link(str(site.id), "appServices"),
    )


def _after(done: list[Controlled], targets: list[FunctionApp], error: BackendError) -> BackendError:
    """Add to an error what was done before it and what was left alone."""
    left = [app.name for app in targets[len(done) + 1 :]]
    if not (done or left):
        return error
    before = f" Done before: {', '.join(app.name for app in done)}." if done else ""
    after = f" Left alone: {', '.join(left)}." if left else ""
    error.args = (f"{error}{before}{after}",)
    return error
