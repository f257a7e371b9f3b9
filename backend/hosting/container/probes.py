"""The cards of CIPP's container: its sign-in, its web app and its plan. Each shows the states of the installation."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.container.health import Health
from backend.hosting.container.sign_in.look import ON, PROBLEM, UNKNOWN, ContainerSignIn, SignInLook
from backend.hosting.container.sign_in.reference import SignInReference
from backend.hosting.container.start_plan import PATIENCE
from backend.hosting.container.web_app import WebApp, WebAppStatus
from backend.hosting.installation_memory import InstallationMemory
from backend.installation.app_states import RUNNING, AppCondition, Condition, condition_of
from backend.installation.portal import Portal
from backend.installation.probes import Probe
from backend.installation.results import Card, CardKind
from backend.installation.states.container import SIGN_IN_OFF
from backend.readings import object_of, properties_of, text_of, text_or_none

if TYPE_CHECKING:
    from backend.hosting.hosting import Core
    from backend.installation.states.state import State

PORT: Final = ".port"  # the suffix of the row with the condition of the port. An app's name has no dot
MEMORY_SECONDS: Final = 2.0  # the longest wait for that row
LOOK_SECONDS: Final = 8.0  # of the container over HTTP, its registry and its tables
_NO_PLAN: Final = "The plan can't be read. Give this app's identity Reader on the plan's resource group."
_STATES_UNKNOWN: Final = (
    "Whether something is wrong with the installation as a whole, or is left of a migration, is unknown: Azure did not "
    "show all of it in time."
)
# S10: the app's own condition shows that it is stopped. S8: the card of the sign-in shows it from a newer look.
_SHOWN_ELSEWHERE: Final = ("S10", SIGN_IN_OFF)
_ONE: Final = "CIPP must run on one instance, and the plan has {}: jobs run twice. Set its number of instances to 1."


def probes(core: "Core", web_app: WebApp) -> Sequence[Probe]:
    """Return the probes of these cards, the sign-in first. Requires Reader."""
    return (
        Probe("SignIn", partial(_sign_in, core)),
        Probe("WebApp", partial(_web_app, core, web_app, InstallationMemory(core.clients)), shows_this_app=True),
        Probe("AppServicePlan", partial(_plan, core)),
    )


def _states(core: "Core", kind: CardKind) -> tuple[list[str], list[str]]:
    """Return the sentences of the states of one card: its problems and its notes."""
    states: Sequence[State] | None = core.installation_states.known(Deadline.after(LOOK_SECONDS))
    if states is None:
        return [], [_STATES_UNKNOWN]
    shown = [state for state in states if state.card == kind and state.code not in _SHOWN_ELSEWHERE]
    return [state.text for state in shown if not state.is_note], [state.text for state in shown if state.is_note]


def _sign_in(core: "Core") -> list[Card]:
    reading = background.start(partial(_states, core, "SignIn"), name="states of the sign-in")
    try:
        reference = SignInReference(core.clients, core.discovery)
        look = ContainerSignIn(core.clients, core.discovery, core.sam_graph, core.key_vault, reference).look()
    except BackendError as error:
        look = SignInLook(UNKNOWN, [str(error)], [])
    problems, notes = reading.result()
    deployment = core.discovery.deployment()
    link = Portal(deployment).link(deployment.resource_id("Microsoft.Web/sites", deployment.main_app or ""), "authV2")
    state = PROBLEM if look.state == ON and problems else look.state
    card = Card(name=deployment.main_app or "", kind="SignIn", exists=True, state=state, link=link)
    return [msgspec.structs.replace(card, problems=[*look.problems, *problems], notes=[*look.notes, *notes])]


def _web_app(core: "Core", web_app: WebApp, memory: InstallationMemory) -> list[Card]:
    app = core.discovery.main_app.recent()
    if app.error:
        raise app.error
    status = web_app.status(app, Deadline.after(LOOK_SECONDS))
    deployment = core.discovery.deployment()
    link = Portal(deployment).link(text_or_none(app.site.get("id")), "appServices")
    problems, notes = _states(core, "WebApp")
    found, more = _of_status(status)
    condition = condition_of(properties_of(app.site))
    name = text_of(app.site.get("name")) or deployment.main_app or ""
    in_short = _in_short(condition, status.health, exists=app.exists)
    return [
        Card(
            name=name,
            kind="WebApp",
            exists=app.exists,
            state=status.state,
            link=link,
            problems=[*problems, *condition.problems, *found],
            notes=[*notes, *more],
            condition=_with_patience(in_short, status.health, name, memory),
        )
    ]


def _in_short(condition: Condition, health: Health, *, exists: bool | None) -> AppCondition:
    """Return whether the container runs, by its state in Azure and by its own response. Pure."""
    if exists is False:
        return "Down"
    if condition.in_short != "Up":
        return condition.in_short
    if health.is_ready:
        return "Up"
    return "Unknown" if health.is_up is None else "Starting"


def _with_patience(in_short: AppCondition, health: Health, name: str, memory: InstallationMemory) -> AppCondition:
    """Return the condition, `Down` instead of `Starting` if CIPP's port was shut for longer than a start takes.

    Azure also restarts a container that ends again and again, and shows it as running. The row is apart from that of
    the app's condition, so that a stopped app that starts is not down.
    """
    is_shut = in_short == "Starting" and health.is_up is False
    port: AppCondition = "Up" if in_short == "Starting" and not is_shut else in_short
    now = memory.now()
    seeing = background.start(lambda: memory.see(f"{name}{PORT}", port, now), name="remember CIPP's port")
    try:
        seen = background.by(Deadline.after(MEMORY_SECONDS), seeing, what="read since when CIPP's port is shut")
    except BackendError:
        seen = None
    return "Down" if is_shut and seen and now - seen.since >= PATIENCE else in_short


def _of_status(status: WebAppStatus) -> tuple[list[str], list[str]]:
    """Return the problems and notes of a container's status. Pure."""
    problems, notes = [], []
    if status.state == "Running" and not status.health.is_ready:
        problems.append(f"{status.health} A start takes some minutes. If it lasts longer, check the link LogStream.")
    elif status.health.phase:
        notes.append(str(status.health))
    if status.runs_jobs is False and status.state == RUNNING:
        last = f"since {status.sampled:%Y-%m-%d %H:%M} UTC" if status.sampled else "for more than an hour"
        problems.append(
            f"CIPP's background jobs left no sample {last}. They write one each 5 minutes, so they may not run. "
            "Restart CIPP, which may update it: ExecFunctionAppRestart with DryRun shows that."
        )
    elif status.runs_jobs and status.sampled:
        notes.append(f"CIPP's background jobs run. Their last sample is of {status.sampled:%Y-%m-%d %H:%M} UTC.")
    running = f" and runs version {status.versions.running}" if status.versions.running else ""
    notes.append(f"CIPP's image is {status.image}{running}." if status.image else "CIPP's image is unknown.")
    if status.pending:
        notes.append(status.pending.reason)
    notes.append(status.own_update)
    if status.started:
        notes.append(f"CIPP last started at {status.started:%Y-%m-%d %H:%M} UTC.")
    elif status.version_since:
        notes.append(f"CIPP last started at {status.version_since:%Y-%m-%d %H:%M} UTC or later, by its version.")
    return problems, notes


def _plan(core: "Core") -> list[Card]:
    app = core.discovery.main_app.recent()
    if app.error:
        raise app.error
    plan, (problems, notes) = app.plan, _states(core, "AppServicePlan")
    plan_id = text_or_none(properties_of(app.site).get("serverFarmId"))
    link = Portal(core.discovery.deployment()).link(plan_id)
    name = text_of(plan.get("name")) or (plan_id or "").rpartition("/")[2]
    if not plan:
        return [
            Card(name=name, kind="AppServicePlan", exists=None, link=link, problems=[*problems, _NO_PLAN], notes=notes)
        ]
    sku = object_of(plan.get("sku"))
    capacity = sku.get("capacity")
    if isinstance(capacity, int) and capacity > 1:
        problems.append(_ONE.format(capacity))
    if sku.get("tier"):
        notes.append(f"Its tier is {text_of(sku.get('tier'))} ({text_of(sku.get('name'))}).")
    state = text_or_none(properties_of(plan).get("status"))
    return [Card(name=name, kind="AppServicePlan", exists=True, state=state, link=link, problems=problems, notes=notes)]
