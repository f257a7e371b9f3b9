"""CIPP's function apps: the main app, its offload apps, and this app."""

import time
from collections.abc import Sequence
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed, sent
from backend.concurrency.deadline import Deadline, poll
from backend.errors import AzureError, BackendError, ConflictError, NotFoundError
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results import Action, Control, Controlled, FunctionApp, Restarted
from backend.installation.app_states import RUNNING, START_IT, STOPPED, UNKNOWN, Condition, condition_of
from backend.installation.discovery import Discovery
from backend.installation.installation import Deployment, offload_suffix
from backend.installation.portal import Portal
from backend.readings import Json, http_time_or_none, properties_of, text_of, text_or_none
from backend.text.quoting import quoted

_GONE: Final = "does not show '{}' any more: it was deleted, or this app's identity can no longer see it."


class FunctionApps:
    """The service of the function apps. Reads require Reader on the group, writes Website Contributor on the apps."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._own_restarts = OwnRestarts(clients)

    def apps(self) -> list[FunctionApp]:
        """Return the apps of this deployment, the main app first. Requires Microsoft.Web/sites/read on the group."""
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        with while_trying_to(f"list the function apps of resource group '{group}'"):
            sites = listed(self._clients.web(subscription).web_apps.list_by_resource_group, group)
        apps = [_app(site, deployment) for site in sites if _belongs(text_of(site.get("name")), deployment)]
        return sorted(apps, key=lambda app: (not app.is_main, app.answers_this, app.name.lower()))

    def find(self, name: str | None, *, among: Sequence[FunctionApp] | None = None) -> FunctionApp:
        """Return the app with that name, by default the main app. `among` are the apps if already listed.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """
        return self._targets(name, self.apps() if among is None else among, every=False)[0]

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

    def control(self, action: Action, *, name: str | None, every: bool, dry_run: bool, force: bool) -> Control:
        """Start, stop or restart one app (by default the main app), or the main and offload apps in turn.

        It stops at the first failure: if an app did not come back, the next one must keep running.

        Raises:
            NotFoundError: The app is not part of this deployment.
            ConflictError: The app is this app, and `force` is not set.
        """
        targets = self._targets(name, self.apps(), every=every)
        refused = next((app for app in targets if app.answers_this and action != "start" and not force), None)
        refusal = refused and ConflictError(
            f"'{refused.name}' is this app. A {action} makes this API unavailable "
            f"{'until you start the app in the Azure portal' if action == 'stop' else 'for a while'}.",
            advice="To continue, repeat with Force: true.",
        )
        if dry_run:
            would_do = [_planned(action, app) for app in targets]
            return Control(dry_run=True, would_do=[f"Refuse: {refusal}"] if refusal else would_do, apps=[])
        if refusal:
            raise refusal
        done: list[Controlled] = []
        for app in targets:
            try:
                done.append(self._act(action, app))
            except BackendError as error:
                raise _after(done, targets, error) from error
        return Control(dry_run=False, would_do=[], apps=done)

    def restart(self, name: str) -> Restarted:
        """Restart one app of this deployment, and store it. Requires Website Contributor on the app.

        The app is not looked up first: the caller has the name from a list.

        Raises:
            ConflictError: The app is this app.
            AzureUnreachableError: Azure did not respond within `restart_timeout_seconds`. The app may have restarted.
            BackendError: The restart failed.
        """
        deployment = self._discovery.deployment()
        if name.lower() == (deployment.answering_app or "").lower():
            raise ConflictError(f"Couldn't restart '{name}': it is this app, and a restart would end the run.")
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
            f"{wanted} is not a function app of this deployment. Its apps are: {known}.",
            advice="Check CIPP_FUNCTION_APP. It names the main app, and the names of the offload apps start with it.",
        )

    def _act(self, action: Action, app: FunctionApp) -> Controlled:
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        if action == "restart":
            return self._restart(sites, group, app.name).app
        with while_trying_to(f"{action} '{app.name}'"):
            # Start and stop are idempotent, so they may be retried.
            sent(sites.start if action == "start" else sites.stop, group, app.name)
        try:
            with while_trying_to(f"read the state of '{app.name}' afterwards"):
                condition = condition_of(properties_of(fetched(sites.get, group, app.name)))
        except NotFoundError:
            seen = f"ARM accepted the {action}, but {_GONE.format(app.name)}"
            return Controlled(name=app.name, state=None, seen=seen)
        except AzureError as error:
            unseen = f"ARM accepted the {action}, but the state of '{app.name}' afterwards is unknown. {error}"
            return Controlled(name=app.name, state=None, seen=unseen)
        shown = f"ARM accepted the {action} and shows '{app.name}' {condition.state or 'without a state'}."
        seen = " ".join([shown, *(condition.faults if action == "start" else ())])
        return Controlled(name=app.name, state=condition.state, seen=seen)

    def _restart(self, sites: Any, group: str, name: str) -> Restarted:  # noqa: ANN401 - the SDK is not imported for a type
        """Restart, and poll the state in ARM for at most `restart_timeout_seconds`. Requests in flight are lost."""
        limits = self._clients.limits
        began, deadline = time.monotonic(), Deadline.after(limits.restart_timeout_seconds)
        dates: list[str | None] = []
        with while_trying_to(f"restart '{name}'"):
            sent(
                sites.restart,
                group,
                name,
                synchronous=True,
                retry_total=0,  # a second restart would interrupt the first one
                read_timeout=limits.restart_timeout_seconds,
                hook=lambda response: dates.append(response.http_response.headers.get("Date")),
            )
        moment = http_time_or_none(dates[-1]) if dates else None
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
            state=state,
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


def _belongs(name: str, deployment: Deployment) -> bool:
    """Return whether a site is the main app, one of its offload apps, or this app."""
    main, answering = (known.lower() if known else None for known in (deployment.main_app, deployment.answering_app))
    suffix = offload_suffix(name)
    is_offload = suffix is not None and main is not None and name.lower() == f"{main}-{suffix}"
    return name.lower() in (main, answering) or is_offload


def _app(site: Json, deployment: Deployment) -> FunctionApp:
    name = text_of(site.get("name"))
    main = (deployment.main_app or "").lower()
    suffix = offload_suffix(name)
    properties = properties_of(site)
    condition = condition_of(properties)
    return FunctionApp(
        name=name,
        state=condition.state or UNKNOWN,
        is_main=name.lower() == main,
        offload_suffix=suffix if name.lower() == f"{main}-{suffix}" else None,
        answers_this=name.lower() == (deployment.answering_app or "").lower(),
        default_host_name=text_or_none(properties.get("defaultHostName")),
        portal_link=Portal(deployment).link(
            text_or_none(site.get("id")) or deployment.resource_id("Microsoft.Web/sites", name), "appServices"
        ),
        problems=condition.problems,
    )


def _planned(action: Action, app: FunctionApp) -> str:
    """Return what a start, stop or restart would do, with the problems of an app to start."""
    plan = f"{action.capitalize()} '{app.name}', which is {app.state} now."
    if action == "stop":
        return plan
    return " ".join([plan, *(problem for problem in app.problems if action == "restart" or problem != START_IT)])


def _after(done: list[Controlled], targets: list[FunctionApp], error: BackendError) -> BackendError:
    """Return the error with the apps that were processed before it, and those that were not."""
    left = [app.name for app in targets[len(done) + 1 :]]
    if not (done or left):
        return error
    before = f"Done before: {', '.join(app.name for app in done)}." if done else ""
    after = f"Not attempted: {', '.join(left)}." if left else ""
    error.add_context(after=f"{before} {after}".strip())
    return error
