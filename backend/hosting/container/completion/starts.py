"""The completion of starts of CIPP's container, by evidence: CIPP's health, and the state of the app in Azure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.container.health import Evidence, Health
from backend.hosting.container.image import ContainerImage
from backend.hosting.container.start_plan import EVIDENCE, MOMENT, ContainerStarts
from backend.installation.app_states import STOPPED, condition_of
from backend.operations.results import Progress, StoredOperation
from backend.readings import properties_of, time_or_none

GIVEN_UP: Final = timedelta(days=1)  # after the deadline
_STOPPED_SINCE: Final = "The app is stopped now, so CIPP did not become ready. Start it with ExecFunctionAppStart."
_OLD_PROCESS: Final = "It is still the process from before, so the start may not have begun. Repeat it if it is needed."
_OVERDUE: Final = (
    "CIPP is not ready yet, which takes longer than usual. Open the link LogStream of ExecBackendURLs.",
    "If CIPP stays down, set another version with ExecBackendVersionSet, or restart it with ExecFunctionAppRestart.",
)


@dataclass(frozen=True)
class StartLook:
    """What a look at a start found. `is_stopped`: the app is stopped in Azure, None if Azure did not show it."""

    health: Health
    is_stopped: bool | None
    now: datetime


class StartCompletion:
    """The completer of starts. Requires Reader on the site."""

    def __init__(self, image: ContainerImage, starts: ContainerStarts) -> None:
        self._image = image
        self._starts = starts

    def __call__(self, stored: StoredOperation, deadline: Deadline) -> Progress | None:
        """Return what is seen of a start now, None if CIPP's site can't be read."""
        try:
            container = self._image.container()
        except BackendError:
            return None
        site = self._image.health(container)
        if site is None:
            return None
        is_stopped = condition_of(properties_of(container.site)).state == STOPPED
        progress = progress_of(stored, StartLook(site.look(deadline), is_stopped, container.moment))
        moment = time_or_none(stored.facts.get(MOMENT))
        evidence = Evidence.of_text((progress.facts or stored.facts).get(EVIDENCE, ""))
        if progress.outcome == "done" and evidence.is_another and moment:
            self._starts.confirm(stored.operation.target, moment)
        return progress


def progress_of(stored: StoredOperation, look: StartLook) -> Progress:
    """Return what a look shows of a start. Pure.

    After its deadline, that CIPP is down no more shows that the process from before has ended.
    """
    operation, health = stored.operation, look.health
    evidence, is_late = Evidence.of_text(stored.facts.get(EVIDENCE, "")), look.now > operation.deadline
    if health.is_up or not is_late:
        evidence = evidence.after(health)
    facts = {**stored.facts, EVIDENCE: evidence.text()}
    if evidence.is_complete(health):
        return Progress("done", result=str(health), facts=facts, at=look.now)
    if look.is_stopped:
        return Progress("failed", result=f"{health} {_STOPPED_SINCE}", facts=facts, at=look.now)
    if health.is_ready and is_late:
        return Progress("unknown", result=f"{health} {_OLD_PROCESS}", facts=facts, at=look.now)
    if look.now > operation.deadline + GIVEN_UP:
        return Progress("unknown", result=str(health), next=_OVERDUE, facts=facts, at=look.now)
    return Progress(result=str(health), next=_OVERDUE if is_late else None, facts=facts, at=look.now)
