"""The apps of CIPP's resource group in Azure, in any shape: list them, and start, stop or restart one."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed, sent
from backend.concurrency.deadline import Deadline, poll
from backend.errors import AzureError, BackendError, ConflictError, NotFoundError
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results.apps import Action, AppKind, Control, Controlled, FunctionApp, Restarted
from backend.installation.app_states import (
    RUNNING,
    START_IT,
    STOPPED,
    UNKNOWN,
    AppCondition,
    Condition,
    condition_of,
)
from backend.installation.discovery import Discovery
from backend.installation.installation import Deployment, offload_suffix
from backend.installation.portal import Portal
from backend.readings import Json, http_time_or_none, properties_of, text_of, text_or_none
from backend.text.quoting import quoted

if TYPE_CHECKING:
    from datetime import datetime

_GONE: Final = "does not show '{}' any more: it was deleted, or this app's identity can no longer see it."
_FUNCTION_APP: Final = "functionapp"  # in the kind of a site


class Sites:
    """The service of the apps. Reads require Reader on the group, writes Website Contributor on the apps.

    `is_cipps` is whether a site is one of CIPP's apps. This app is shown too.
    """

    def __init__(self, clients: Clients, discovery: Discovery, is_cipps: Callable[[Json, Deployment], bool]) -> None:
        self._clients = clients
        self._discovery = discovery
        self._is_cipps = is_cipps
        self._own_restarts = OwnRestarts(clients)

    def all(self) -> list[Json]:
        """Return all sites of the group and their slots as Azure shows them.

        Requires Microsoft.Web/sites/read on the group.
        """
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"list the function apps of resource group '{group}'"):
            return listed(self._clients.web(subscription).web_apps.list_by_resource_group, group, include_slots=True)

    def apps(self, sites: Sequence[Json] | None = None) -> list[FunctionApp]:
        """Return CIPP's apps and this app, the main app first. `sites` are those of the group if already listed."""
        deployment = self._discovery.deployment()
        found = self.all() if sites is None else sites
        apps = [
            app_of(site, deployment)
            for site in found
            if self._is_cipps(site, deployment) or is_named(site, deployment.answering_app)
        ]
        return sorted(apps, key=lambda app: (not app.is_main, app.answers_this, app.name.lower()))

    def find(self, name: str | None, *, among: Sequence[FunctionApp] | None = None) -> FunctionApp:
        """Return the app with that name, by default the main app. `among` are the apps if already listed.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """
        return self.targets(name, every=False, among=among)[0]

    def targets(
        self, name: str | None, *, every: bool, among: Sequence[FunctionApp] | None = None
    ) -> list[FunctionApp]:
        """Return the app with that name, by default the main app, or every app of CIPP.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """
        apps = self.apps() if among is None else among
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
            f"{wanted} is not an app of this deployment. Its apps are: {known}.",
            advice="Check CIPP_FUNCTION_APP. It names the main app, and the names of the offload apps start with it.",
        )

    def addresses(self) -> str:
        """Return sentences with the outbound addresses of this app and CIPP's main app in ARM, for an admin."""
        subscription, group = self._discovery.deployment().group()
        sentences = []
        for app in self.apps():
            if app.is_main or app.answers_this:
                with while_trying_to(f"look up the addresses of '{app.name}'"):
                    site = fetched(self._clients.web(subscription).web_apps.get, group, app.name)
                addresses = text_or_none(properties_of(site).get("possibleOutboundIpAddresses")) or "unknown"
                sentences.append(f"Outbound addresses of '{app.name}': {addresses.replace(',', ', ')}.")
        return " ".join(sentences)

    def start_or_stop(self, action: Action, app: FunctionApp) -> Controlled:
        """Start or stop an app, and return what ARM shows afterwards."""
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        with while_trying_to(f"{action} '{app.name}'"):
            # Start and stop are idempotent, so they may be retried.
            sent(sites.start if action == "start" else sites.stop, group, app.name)
        return self.state_after(action, app)

    def state_after(self, action: Action, app: FunctionApp) -> Controlled:
        """Return what ARM shows of an app after it accepted an action."""
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        try:
            with while_trying_to(f"read the state of '{app.name}' afterwards"):
                condition = condition_of(properties_of(fetched(sites.get, group, app.name)))
        except NotFoundError:
            seen = f"ARM accepted the {action}, but {_GONE.format(app.name)}"
            return Controlled(name=app.name, kind=app.kind, state=None, seen=seen)
        except AzureError as error:
            unseen = f"ARM accepted the {action}, but the state of '{app.name}' afterwards is unknown. {error}"
            return Controlled(name=app.name, kind=app.kind, state=None, seen=unseen)
        shown = f"ARM accepted the {action} and shows '{app.name}' {condition.state or 'without a state'}."
        seen = " ".join([shown, *(condition.faults if action != "stop" else ())])
        return Controlled(name=app.name, kind=app.kind, state=condition.state, condition=condition.in_short, seen=seen)

    def send_restart(self, name: str, *, synchronous: bool) -> "datetime | None":
        """Restart an app, and return the time of Azure's response. Requests in flight are lost.

        Raises:
            AzureUnreachableError: Azure did not respond within `restart_timeout_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        subscription, group = self._discovery.deployment().group()
        dates: list[str | None] = []
        with while_trying_to(f"restart '{name}'"):
            sent(
                self._clients.web(subscription).web_apps.restart,
                group,
                name,
                synchronous=synchronous,
                retry_total=0,  # a second restart would interrupt the first one
                read_timeout=self._clients.limits.restart_timeout_seconds,
                hook=lambda response: dates.append(response.http_response.headers.get("Date")),
            )
        return http_time_or_none(dates[-1]) if dates else None

    def restart(self, name: str, kind: AppKind | None = None) -> Restarted:
        """Restart an app and store it. Poll its state in ARM for at most `restart_timeout_seconds`.

        The app is not looked up first: the caller has the name from a list.

        Raises:
            AzureUnreachableError: Azure did not respond within `restart_timeout_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        limits = self._clients.limits
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        began, deadline = time.monotonic(), Deadline.after(limits.restart_timeout_seconds)
        moment = self.send_restart(name, synchronous=True)
        if moment:
            self._own_restarts.note(name, moment)
        condition, ready, instances = poll(
            lambda: self._shown(sites, group, name, min(deadline.left, limits.azure_read_timeout_seconds)),
            every=limits.restart_poll_seconds,
            deadline=deadline,
            is_done=_is_final,
        )
        state = condition.state if condition else None
        seen = (
            f"After {time.monotonic() - began:.0f} s ARM shows '{name}' {state or 'without a state'}, "
            f"{ready} of {instances} instances ready."
        )
        if condition is None:
            seen = f"ARM accepted the restart, but {_GONE.format(name)}"
        elif state == STOPPED and not condition.is_blocked:
            seen += " A restart does not start a stopped app: call ExecFunctionAppStart."
        seen = " ".join([seen, *(condition.faults if condition and state else ())])
        app = Controlled(
            name=name,
            kind=kind,
            state=state,
            condition=_in_short(condition, ready, instances),
            seen=seen,
            not_seen="ARM can't show whether the app has loaded its code and read its keys. Call the app to check.",
        )
        return Restarted(app, moment)

    def _shown(self, sites: Any, group: str, name: str, seconds: float) -> tuple[Condition | None, int, int]:  # noqa: ANN401 - as above
        """Return the app's condition in ARM, None if it is gone, and the numbers of ready and of all instances.

        If ARM refuses or times out, the condition is unknown.
        """
        once: dict[str, Any] = {"read_timeout": max(seconds, 0.1) / 2, "retry_total": 0}
        try:
            with while_trying_to(f"read the state of '{name}' after its restart"):
                condition = condition_of(properties_of(fetched(sites.get, group, name, **once)))
                shown = listed(sites.list_instance_identifiers, group, name, **once)
                instances = [properties_of(instance) for instance in shown]
        except NotFoundError:
            return None, 0, 0
        except AzureError:
            return Condition(None), 0, 0
        ready = [instance for instance in instances if (text_of(instance.get("state")) or "READY").upper() == "READY"]
        return condition, len(ready), len(instances)


def _is_final(shown: tuple[Condition | None, int, int]) -> bool:
    """Return whether a restarted app runs on all of its instances, or more waiting can't help. Pure."""
    condition, ready, instances = shown
    if condition is None or condition.is_blocked or condition.state == STOPPED:
        return True
    return condition.state == RUNNING and ready == instances


def _in_short(condition: Condition | None, ready: int, instances: int) -> AppCondition:
    """Return whether a restarted app runs on all of its instances. An app that is gone is down. Pure."""
    if condition is None:
        return "Down"
    return "Starting" if condition.in_short == "Up" and ready < instances else condition.in_short


def is_named(site: Json, name: str | None) -> bool:
    """Return whether a site has that name. Pure."""
    return bool(name) and text_of(site.get("name")).lower() == text_of(name).lower()


def kind_of(site: Json) -> AppKind | None:
    """Return the kind of a site, None if Azure does not show it. Pure."""
    kind = text_of(site.get("kind"))
    parts = [part.strip().lower() for part in kind.split(",")]
    return ("FunctionApp" if _FUNCTION_APP in parts else "WebApp") if kind else None


def app_of(site: Json, deployment: Deployment) -> FunctionApp:
    """Return an app of the deployment as a site of ARM shows it. Pure."""
    name = text_of(site.get("name"))
    main = (deployment.main_app or "").lower()
    suffix = offload_suffix(name)
    properties = properties_of(site)
    condition = condition_of(properties)
    return FunctionApp(
        name=name,
        kind=kind_of(site),
        state=condition.state or UNKNOWN,
        is_main=name.lower() == main,
        offload_suffix=suffix if name.lower() == f"{main}-{suffix}" else None,
        answers_this=name.lower() == (deployment.answering_app or "").lower(),
        default_host_name=text_or_none(properties.get("defaultHostName")),
        portal_link=Portal(deployment).link(
            text_or_none(site.get("id")) or deployment.resource_id("Microsoft.Web/sites", name), "appServices"
        ),
        problems=condition.problems,
        condition=condition.in_short,
    )


def planned(action: Action, app: FunctionApp) -> str:
    """Return what a start, stop or restart would do, with the problems of an app to start."""
    plan = f"{action.capitalize()} '{app.name}', which is {app.state} now."
    if action == "stop":
        return plan
    return " ".join([plan, *(problem for problem in app.problems if action == "restart" or problem != START_IT)])


def refusal_on_this_app(action: Action, targets: Sequence[FunctionApp], *, force: bool) -> ConflictError | None:
    """Return the error for an action that makes this API unavailable, None if it doesn't or with `force`. Pure."""
    refused = next((app for app in targets if app.answers_this and action != "start" and not force), None)
    if refused is None:
        return None
    return ConflictError(
        f"'{refused.name}' is this app. A {action} makes this API unavailable "
        f"{'until you start the app in the Azure portal' if action == 'stop' else 'for a while'}.",
        advice="To continue, repeat with Force: true.",
    )


def in_turn(targets: Sequence[FunctionApp], carry_out: Callable[[FunctionApp], Controlled]) -> Control:
    """Carry out an action on each app. It stops at the first failure: if an app did not come back, the next must run.

    Raises:
        BackendError: An app failed. The error names the apps that were processed before, and those that were not.
    """
    done: list[Controlled] = []
    for app in targets:
        try:
            done.append(carry_out(app))
        except BackendError as error:
            raise _after(done, targets, error) from error
    return Control(dry_run=False, would_do=[], apps=done)


def _after(done: list[Controlled], targets: Sequence[FunctionApp], error: BackendError) -> BackendError:
    """Return the error with the apps that were processed before it, and those that were not."""
    left = [app.name for app in targets[len(done) + 1 :]]
    if not (done or left):
        return error
    before = f"Done before: {', '.join(app.name for app in done)}." if done else ""
    after = f"Not attempted: {', '.join(left)}." if left else ""
    error.add_context(after=f"{before} {after}".strip())
    return error
