"""CIPP's container, and this app if it is in the same group: list, start, stop and restart them.

Never run against a real CIPP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from backend.azure.clients import Clients
from backend.errors import AzureError, BackendError, ConflictError, changed_nothing
from backend.hosting.container.start_plan import OPEN_JOBS, BegunStart, ContainerStarts, StartPlan
from backend.hosting.other_processes import apps_beside_container, other_containers, other_processes
from backend.hosting.results.apps import Action, Consent, Control, Controlled, FunctionApp, Restarted
from backend.hosting.sites import Sites, in_turn, is_named, planned, refusal_on_this_app
from backend.installation.app_states import STOPPED
from backend.installation.discovery import Discovery
from backend.installation.installation import Deployment
from backend.readings import Json

if TYPE_CHECKING:
    from datetime import datetime

_OTHERS: Final = (
    "The resource group also has other containers, which are not part of this CIPP: {}. If one of them is CIPP, set "
    "CIPP_FUNCTION_APP to its name."
)
_NOT_STARTED: Final = "A restart does not start a stopped app: call ExecFunctionAppStart."
_NOT_SEEN: Final = "It is not certain yet that CIPP has started again and has read its keys."


@dataclass(frozen=True)
class _Done:
    """A start or restart that Azure accepted. `confirmed` is its time, if CIPP certainly started again."""

    app: Controlled
    confirmed: "datetime | None"


class ContainerApps:
    """The service of the apps. Reads require Reader on the group, writes Website Contributor on the apps."""

    def __init__(self, clients: Clients, discovery: Discovery, starts: ContainerStarts) -> None:
        self._discovery = discovery
        self._starts = starts
        self._sites = Sites(clients, discovery, _is_cipps)

    def apps(self) -> list[FunctionApp]:
        """Return the container, and this app if it is in the group. Requires Microsoft.Web/sites/read on the group."""
        return self.apps_and_others()[0]

    def apps_and_others(self) -> tuple[list[FunctionApp], list[str]]:
        """Return the apps, and the names of others in the group that may use CIPP's tables.

        These are other containers, function apps and slots. Other containers are also a problem of CIPP's.
        """
        sites, deployment = self._sites.all(), self._discovery.deployment()
        containers = other_containers(sites, deployment)
        note = [_OTHERS.format(", ".join(containers))] if containers else []
        apps = [
            msgspec.structs.replace(app, problems=[*app.problems, *note]) if app.is_main else app
            for app in self._sites.apps(sites)
        ]
        return apps, [*other_processes(sites, deployment), *apps_beside_container(sites, deployment)]

    def find(self, name: str | None, *, among: Sequence[FunctionApp] | None = None) -> FunctionApp:
        """Return the app with that name, by default the container. `among` are the apps if already listed.

        Raises:
            NotFoundError: The app is not part of this deployment.
        """
        return self._sites.find(name, among=among)

    def addresses(self) -> str:
        """Return sentences with the outbound addresses of this app and the container in ARM, for an admin."""
        return self._sites.addresses()

    def control(self, action: Action, *, name: str | None, every: bool, dry_run: bool, consent: Consent) -> Control:
        """Start, stop or restart one app, by default the container. `every` app of CIPP is the container too.

        A start of the container pulls its image. If that may be an update, the consent must name the version.

        Raises:
            NotFoundError: The app is not part of this deployment.
            ConflictError: The app is this app, or a start may be an update or comes too often, without the consent.
        """
        targets = self._sites.targets(name, every=every)
        refusal = refusal_on_this_app(action, targets, force=consent.force)
        starts = action != "stop" and refusal is None
        plans = {
            app.name: self._starts.plan(app.name, f"{action} '{app.name}'", consent)
            for app in targets
            if starts and app.is_main
        }
        refusal = refusal or next((plan.refusal for plan in plans.values() if plan.refusal), None)
        if dry_run:
            would_do = [f"Refuse: {refusal}"] if refusal else [planned(action, app) for app in targets]
            for plan in plans.values():
                would_do += self._starts.description(plan)
            if action == "stop" and any(app.is_main for app in targets) and not refusal:
                would_do.append(OPEN_JOBS)
            return Control(dry_run=True, would_do=would_do, apps=[])
        if refusal:
            raise refusal

        def carry_out(app: FunctionApp) -> Controlled:
            if plan := plans.get(app.name):
                done = self._start(action, app, plan, consent)
                is_starting = done.confirmed is None and (action == "restart" or plan.was_stopped)
                return _starting(done.app) if is_starting else done.app
            if action == "restart":
                return self._sites.restart(app.name, app.kind).app
            return self._sites.start_or_stop(action, app)

        return in_turn(targets, carry_out)

    def restart(self, name: str, *, updates: bool = False) -> Restarted:
        """Restart the container, and follow its health. `moment` is None unless CIPP certainly started again.

        Raises:
            ConflictError: The app is not the container, it was started too often, or the restart may update CIPP and
                `updates` is off.
            AzureUnreachableError: The app may have restarted.
            BackendError: The restart failed.
        """
        try:
            app = self.find(name)
            if not app.is_main:
                raise ConflictError(f"Couldn't restart '{name}': it is this app, and a restart would end the run.")
            plan = self._starts.plan(app.name, f"restart '{app.name}'", Consent(), allows_any=updates)
            if plan.refusal:
                raise plan.refusal
            begun = self._starts.begin(plan, Consent(), f"restart '{app.name}'")
        except AzureError as error:  # the caller must not count it as a restart that may have happened
            raise ConflictError(f"No restart was requested. {error.detail}", advice=error.advice) from error
        done = self._started("restart", app, plan, begun)
        return Restarted(done.app, done.confirmed)

    def _start(self, action: Action, app: FunctionApp, plan: StartPlan, consent: Consent) -> _Done:
        """Store the start, start or restart the container as planned, and follow its health."""
        begun = self._starts.begin(plan, consent, f"{action} '{app.name}'", replaces=action == "restart")
        return self._started(action, app, plan, begun)

    def _started(self, action: Action, app: FunctionApp, plan: StartPlan, begun: BegunStart) -> _Done:
        moment = None
        try:
            if action == "restart":
                moment = self._sites.send_restart(app.name, synchronous=False)
                controlled = self._sites.state_after(action, app)
            else:
                controlled = self._sites.start_or_stop(action, app)
        except BackendError as error:
            if changed_nothing(error):
                self._starts.withdraw(plan, begun)
            raise
        if controlled.state == STOPPED:
            seen = f"{controlled.seen} {_NOT_STARTED}" if action == "restart" else controlled.seen
            operation = self._starts.end(begun, None, seen, is_stopped=True)
            return _Done(msgspec.structs.replace(controlled, seen=seen, operation=operation), None)
        start = self._starts.follow(plan, replaces=action == "restart")
        is_complete = start is not None and start.is_complete
        confirmed = (moment or plan.moment) if is_complete else None
        if confirmed:
            self._starts.confirm(app.name, confirmed)
        outcome = self._starts.outcome(plan, start)
        followed = msgspec.structs.replace(
            controlled,
            seen=f"{controlled.seen} {outcome}",
            not_seen=None if is_complete else _NOT_SEEN,
            operation=self._starts.end(begun, start, outcome),
        )
        return _Done(followed, confirmed)


def _starting(app: Controlled) -> Controlled:
    """Return the result for a container that Azure runs, and that did not become ready yet. Pure."""
    return msgspec.structs.replace(app, condition="Starting") if app.condition == "Up" else app


def _is_cipps(site: Json, deployment: Deployment) -> bool:
    """Return whether a site is CIPP's container."""
    return is_named(site, deployment.main_app)
