"""A start of CIPP's container, from its plan to the health of the new process.

Every start pulls the newest image of the tag: a start, a restart, and a write of settings. So each is planned here:
which image it would pull, whether that may be an update, and whether the request allows it. It is stored as an
operation before it is requested, so that `StartCompletion` follows it when the response was sent, or this process ends.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, ConflictError
from backend.hosting.container.health import Before, Evidence, Health, SiteHealth, Start
from backend.hosting.container.image import Container, ContainerImage
from backend.hosting.container.starts import Starts, StoredStart
from backend.hosting.container.updates.possible import PossibleUpdate, Versions, possible_update, refusal_of
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results.apps import Consent
from backend.installation.app_states import STOPPED, condition_of
from backend.operations.operations import Operations
from backend.operations.results import Operation, Progress, StoredOperation
from backend.readings import properties_of

logger = logging.getLogger("cipp.restarts")
RESPONSE_SECONDS: Final = 190.0  # the response comes within 200 s, and HTTP ends after 230 s
KIND: Final = "start"  # of the operation
PATIENCE: Final = timedelta(minutes=10)  # a start can take that long, and is not a failure then
EVIDENCE, MOMENT = "evidence", "moment"  # the facts of the operation
OPEN_JOBS: Final = "Whether CIPP's jobs are running now is unknown. Those that run are interrupted."
_NO_UPDATE: Final = "It does not update CIPP, because both versions are the same."
_RAN_ALREADY: Final = "The app was not stopped, so Azure did not start it again. To start it again, restart it."
_STILL: Final = "A start can take 10 minutes. This is not a failure: look again with ListBackendOperations."
_LOOK: Final = "Look again with ListBackendOperations. A start can take 10 minutes."
_REFUSED: Final = "Azure refused the request, so nothing was started."
_IS_STOPPED: Final = "The app is stopped. Start it with ExecFunctionAppStart."


@dataclass(frozen=True)
class StartPlan:
    """A start that was planned. `refusal` is why the request does not allow it.

    `before` is the health before the start. Both it and `site` are None if the address of CIPP is unknown.
    """

    app: str
    container: Container
    versions: Versions
    possible: PossibleUpdate | None
    refusal: ConflictError | None
    site: SiteHealth | None
    before: Health | None
    deadline: Deadline

    @property
    def moment(self) -> datetime:
        """Azure's time when the start was planned."""
        return self.container.moment

    @property
    def was_stopped(self) -> bool:
        """Whether Azure showed at that time that the app was stopped."""
        return condition_of(properties_of(self.container.site)).state == STOPPED


@dataclass(frozen=True)
class BegunStart:
    """A start that is about to be requested. `operation` is None if it couldn't be stored."""

    stored: StoredStart
    operation: StoredOperation | None


class ContainerStarts:
    """The service of the starts. Requires Reader on the site, and that CIPP's registry can be reached."""

    def __init__(self, clients: Clients, image: ContainerImage, starts: Starts) -> None:
        self._clients = clients
        self._image = image
        self._starts = starts
        self._operations = Operations(clients)
        self._own_restarts = OwnRestarts(clients)

    def plan(self, app: str, action: str, consent: Consent, *, allows_any: bool = False) -> StartPlan:
        """Return the plan of a start now. `action` completes "Couldn't ...". `allows_any`: any update is allowed.

        Raises:
            BackendError: Azure did not return the container.
        """
        deadline = Deadline.after(RESPONSE_SECONDS)
        container = self._image.container()
        site = self._image.health(container)
        looking = background.start(site.look, name="health before the start") if site else None
        versions = self._image.versions(container)
        possible = possible_update(versions)
        refusal = None
        if not consent.force:
            needing = None if allows_any else possible
            refusal = refusal_of(needing, consent.update, action) or self._starts.refusal(app, container.moment)
        before = background.by(deadline, looking, what="check CIPP's health") if looking else None
        return StartPlan(app, container, versions, possible, refusal, site, before, deadline)

    def description(self, plan: StartPlan) -> list[str]:
        """Return what the start would do, as sentences."""
        versions = plan.versions
        sentences = [
            f"It pulls {versions.image or 'an image that this app does not know'}.",
            f"Running version: {versions.running or 'unknown'}.",
            f"Version in the registry: {versions.in_registry or 'unknown'}.",
            plan.possible.reason if plan.possible else _NO_UPDATE,
        ]
        if plan.possible:
            sentences.append(f'To allow the update, send Update: "{plan.possible.consent}".')
        return [" ".join(sentences), self._image.own_update(plan.container, versions, plan.moment), OPEN_JOBS]

    def begin(self, plan: StartPlan, consent: Consent, action: str, *, replaces: bool = True) -> BegunStart:
        """Store the start, which is about to be requested. `action` is a verb phrase, such as `restart the app`.

        Without a table for the operation, the start begins nevertheless: CIPP may be down.

        Raises:
            ConflictError: The container was started too often.
            BackendError: The start couldn't be stored.
        """
        stored = self._starts.begin(plan.app, plan.moment, force=consent.force)
        if plan.before is None:
            return BegunStart(stored, None)
        evidence = Evidence.before(Before(plan.before, was_stopped=plan.was_stopped, replaces=replaces))
        try:
            operation = self._operations.begin(
                KIND,
                plan.app,
                before=self._before(plan),
                by=consent.by,
                lasts=PATIENCE,
                step=action[:1].upper() + action[1:],
                next_steps=[_LOOK],
                facts={EVIDENCE: evidence.text(), MOMENT: plan.moment.isoformat()},
                now=plan.moment,
            )
        except BackendError as error:
            logger.warning("Failed to store the operation of a start: %s", error)
            return BegunStart(stored, None)
        return BegunStart(stored, operation)

    def withdraw(self, plan: StartPlan, begun: BegunStart) -> None:
        """Remove a start that Azure certainly refused."""
        self._starts.withdraw(plan.app, begun.stored)
        self._end(begun.operation, Progress("failed", result=_REFUSED, at=plan.moment))

    def end(self, begun: BegunStart, start: Start | None, seen: str, *, is_stopped: bool = False) -> Operation | None:
        """Store what was seen of a start, and return its operation, None if it couldn't be stored."""
        if begun.operation is None:
            return None
        if is_stopped:
            progress = Progress("failed", result=_IS_STOPPED, at=begun.operation.operation.began)
        elif start is None:
            progress = Progress("unknown", result=seen, at=begun.operation.operation.began)
        else:
            at = begun.operation.operation.began + timedelta(seconds=start.seconds)
            facts = {**begun.operation.facts, EVIDENCE: start.evidence.text()}
            is_done = start.evidence.is_complete(start.health)
            progress = Progress("done" if is_done else "running", result=seen, facts=facts, at=at)
        return self._end(begun.operation, progress)

    def confirm(self, app: str, moment: datetime) -> None:
        """Store that CIPP certainly started again after a time."""
        self._own_restarts.note(app, moment)

    def _end(self, operation: StoredOperation | None, progress: Progress) -> Operation | None:
        if operation is None:
            return None
        try:
            changed = self._operations.change(operation, progress)
        except BackendError as error:
            logger.warning("Failed to store the state of a start: %s", error)
            changed = None
        return (changed or operation).operation

    @staticmethod
    def _before(plan: StartPlan) -> str:
        state = condition_of(properties_of(plan.container.site)).state or "unknown"
        return f"{state}. {plan.before or ''} Version {plan.versions.running or 'unknown'}."

    def follow(self, plan: StartPlan, *, replaces: bool = True) -> Start | None:
        """Follow the health for at most `cipp_start_timeout_seconds`, None if CIPP's address is unknown.

        `replaces`: the request replaces a process that runs. A start does not.
        """
        if plan.site is None or plan.before is None:
            return None
        limits = self._clients.limits
        deadline = min(plan.deadline, Deadline.after(limits.cipp_start_timeout_seconds))
        before = Before(plan.before, was_stopped=plan.was_stopped, replaces=replaces)
        return plan.site.follow(before, deadline=deadline, every_seconds=limits.cipp_start_poll_seconds)

    def outcome(self, plan: StartPlan, start: Start | None) -> str:
        """Return what was seen of a start, as sentences."""
        if start is None:
            return "CIPP's health is unknown, because Azure does not show the host name of its site."
        seen = f"After {start.seconds:.0f} s: {start.health}"
        if start.is_complete:
            build = self._image.running(plan.container)
            version = f"It runs version {build.version}." if build.version else build.why_unknown
            return f"{seen} {version}"
        if not start.is_needed:
            return f"{seen} {_RAN_ALREADY}"
        if not start.is_seen:
            return f"{seen} It is still the process from before, so the start may not have begun. {_STILL}"
        return f"{seen} CIPP is still starting. {_STILL}" if start.health.is_up is not None else f"{seen} {_STILL}"
