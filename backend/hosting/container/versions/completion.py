"""The completion of changes of the version, and their roll back by evidence.

Every look and the hourly timer call it, also after the process of the request has ended. To roll back, a process first
stores that it does so, which only one process can. Requires Website Contributor on the site.
"""

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import sent
from backend.concurrency.deadline import Deadline
from backend.errors import AzureError, BackendError, NotFoundError
from backend.hosting.container.health import HEALTH_SECONDS, Evidence
from backend.hosting.container.image import ContainerImage
from backend.hosting.container.start_plan import KIND as START
from backend.hosting.container.starts import Starts, StoredStart
from backend.hosting.container.versions.decision import Change, Decision, VersionLook, decide, is_not_ready, log_since
from backend.hosting.container.versions.roll_back_records import RollBackRecords
from backend.hosting.container.versions.start_log import Failure, StartLog
from backend.hosting.own_restarts import OwnRestarts
from backend.installation.app_states import STOPPED, condition_of
from backend.installation.discovery import Discovery
from backend.operations.operations import Operations
from backend.operations.results import Progress, StoredOperation
from backend.readings import properties_of, time_or_none

logger = logging.getLogger("cipp.versions")
KIND: Final = "version"  # of the operation
SET_AT: Final = "set_at"  # a fact of the operation
_TRUE: Final = "true"


class VersionCompletion:
    """The completer of changes of the version."""

    def __init__(self, clients: Clients, discovery: Discovery, image: ContainerImage, records: RollBackRecords) -> None:
        self._records = records
        self._clients = clients
        self._discovery = discovery
        self._image = image
        self._operations = Operations(clients)
        self._starts = Starts(clients)
        self._own_restarts = OwnRestarts(clients)
        self._log = StartLog(clients, discovery)

    def __call__(self, stored: StoredOperation, deadline: Deadline) -> Progress | None:
        """Return what is seen of a change now, None if nothing is new, or if it is stored already."""
        change = change_of(stored)
        app = stored.operation.target
        try:
            main_app = self._discovery.deployment().main_app
            if main_app and main_app.lower() != app.lower():
                return Progress(
                    "unknown", result=f"CIPP's app is '{main_app}' now, so '{app}' is not followed any more."
                )
            look = self._look(stored, change, deadline)
        except BackendError as error:
            logger.info("Operation %s was not looked at: %s", stored.operation.id, error)
            return None
        if look is None:
            return None
        decision = decide(change, look, self._limit)
        evidence = change.evidence if change.is_back else change.evidence.after(look.health)
        down_since = (
            (change.down_since or look.now).isoformat() if is_not_ready(look.health) and look.is_confirmed else ""
        )
        facts = {**stored.facts, "evidence": evidence.text(), "down_since": down_since}
        if change.set_at is None and look.image == change.image_after:
            facts[SET_AT] = look.now.isoformat()
        if decision.rolls_back:
            self._roll_back(stored, replace(change, evidence=evidence), decision, look.now)
            return None
        if decision.outcome != "running" or decision.needs_start:
            self._starts.withdraw(stored.operation.target, *unused_starts(stored))
        if decision.outcome in ("done", "undone"):
            self._ended(stored, decision)
        progress = Progress(
            decision.outcome,
            result=decision.result or None,
            next=decision.next or None,
            facts=facts,
            at=look.now,
        )
        if change.is_back and decision.outcome != "running":
            self._end_roll_back(stored, progress)
            return None
        is_same = (progress.result or stored.operation.result) == stored.operation.result and facts == stored.facts
        return None if decision.outcome == "running" and is_same else progress

    def set_image(self, app: str, image: str) -> AzureError | NotFoundError | None:
        """Set the image of the site, and return an error instead of raising it: it may have taken effect."""
        subscription, group = self._discovery.deployment().group()
        body = {"properties": {"linuxFxVersion": f"DOCKER|{image}"}}
        try:
            with while_trying_to(f"set the image of '{app}'"):
                sites = self._clients.web(subscription).web_apps
                sent(sites.update_configuration, group, app, body, retry_total=0)  # a second one is another start
        except (AzureError, NotFoundError) as error:
            return error
        return None

    @property
    def _limit(self) -> timedelta:
        return timedelta(seconds=self._clients.limits.version_timeout_seconds)

    def _look(self, stored: StoredOperation, change: Change, deadline: Deadline) -> VersionLook | None:
        container = self._image.container()
        site = self._image.health(container)
        if site is None or not deadline.allows(HEALTH_SECONDS):  # a check that is cut off shows nothing
            return None
        health, app, now = site.look(deadline), stored.operation.target, container.moment
        failure: Failure = ""
        is_confirmed = True
        started, recorded = None, None
        if is_not_ready(health):
            since = log_since(change)
            failure = self._log.failure(app, since, deadline) if since else ""
            if failure or change.is_back or now > change.began + self._limit:
                seconds = self._clients.limits.cipp_start_poll_seconds
                is_confirmed = deadline.allows(seconds + HEALTH_SECONDS)
                if is_confirmed:
                    time.sleep(seconds)
                    is_confirmed = is_not_ready(site.look(deadline))
            try:
                started, recorded = self._started(stored, change), self._recorded()
            except BackendError as error:
                logger.info(
                    "Operation %s: whether the app has started since is unknown: %s", stored.operation.id, error
                )
                is_confirmed = False
        return VersionLook(
            image=str(container.reference or ""),
            is_stopped=condition_of(properties_of(container.site)).state == STOPPED,
            health=health,
            running=self._image.running(container).version if health.is_up else "",
            failure=failure,
            now=now,
            is_confirmed=is_confirmed,
            started=started,
            recorded=recorded,
        )

    def _started(self, stored: StoredOperation, change: Change) -> datetime | None:
        """Return the newest start since the change that this app requested, None without one."""
        app = stored.operation.target.lower()
        reserved = reserved_starts(stored.facts.get("reserved", ""))
        moments = [start.moment for start in self._starts.known(app) if start not in reserved]
        moments += [
            one.operation.began
            for one in self._operations.all()
            if one.operation.kind == START and one.operation.target.lower() == app
        ]
        return max((moment for moment in moments if moment > change.began), default=None)

    def _recorded(self) -> tuple[str, datetime] | None:
        """Return the version that CIPP recorded last, and its first start."""
        record = self._image.rows.version()
        return (record.version, record.since) if record and record.since else None

    def _roll_back(self, stored: StoredOperation, change: Change, decision: Decision, now: datetime) -> None:
        """Store the roll back, and set the former image. If another process stored it first, do nothing."""
        facts = {
            **stored.facts,
            "evidence": change.evidence.text(),
            "is_back": _TRUE,
            "back_at": (change.back_at or now).isoformat(),
            "requested_at": now.isoformat(),
        }
        step = f"Roll back to {change.image_back}."
        claimed = self._operations.change(stored, Progress(step=step, result=decision.result, facts=facts, at=now))
        if claimed is None:
            return
        if not change.is_back:
            what = f"CIPP is rolled back from {change.image_after} to {change.image_back}. {decision.result}"
            self._records.write(claimed.operation, what, "running")
        error = self.set_image(stored.operation.target, change.image_back)
        if error is not None:
            logger.error("Operation %s: the roll back failed. %s", stored.operation.id, error)
            self._operations.change(claimed, Progress(result=f"{decision.result} {error}", at=now))

    def _end_roll_back(self, stored: StoredOperation, progress: Progress) -> None:
        """Store the end, and record it unless another process has stored it first."""
        ended = self._operations.change(stored, progress)
        if ended is not None:
            self._records.write(
                ended.operation, f"The roll back of CIPP ended: {ended.operation.result}", progress.outcome
            )

    def _ended(self, stored: StoredOperation, decision: Decision) -> None:
        """Give back the start of the roll back, and store that CIPP has started again. It is ready, so none counts."""
        app, began = stored.operation.target, time_or_none(stored.facts.get("began"))
        self._starts.withdraw(app, *reserved_starts(stored.facts.get("reserved", ""))[1:])
        moment = time_or_none(stored.facts.get("back_at")) if decision.outcome == "undone" else began
        if moment and stored.facts.get("version_before") != stored.facts.get("version_after"):
            self._own_restarts.note(app, moment)


def facts_of(change: Change, reserved: list[StoredStart], copy: str) -> dict[str, str]:
    """Return a change as the facts of its operation. Pure."""
    return {
        "image_before": change.image_before,
        "image_after": change.image_after,
        "image_back": change.image_back,
        "version_before": change.version_before,
        "version_after": change.version_after,
        "version_back": change.version_back,
        "rolls_back": _TRUE if change.rolls_back else "",
        "began": change.began.isoformat(),
        "evidence": change.evidence.text(),
        "was_up": _TRUE if change.was_up else "",
        "reserved": ",".join(map(str, reserved)),
        "copy": copy,
    }


def change_of(stored: StoredOperation) -> Change:
    """Return the change of an operation. Pure."""
    facts = stored.facts
    return Change(
        image_before=facts.get("image_before", ""),
        image_after=facts.get("image_after", ""),
        image_back=facts.get("image_back", ""),
        version_before=facts.get("version_before", ""),
        version_after=facts.get("version_after", ""),
        version_back=facts.get("version_back", ""),
        rolls_back=facts.get("rolls_back") == _TRUE and bool(facts.get("image_back")),
        began=time_or_none(facts.get("began")) or stored.operation.began,
        evidence=Evidence.of_text(facts.get("evidence", "")),
        was_up=facts.get("was_up") == _TRUE,
        is_back=facts.get("is_back") == _TRUE,
        back_at=time_or_none(facts.get("back_at")),
        requested_at=time_or_none(facts.get("requested_at")),
        down_since=time_or_none(facts.get("down_since")),
        set_at=time_or_none(facts.get(SET_AT)),
    )


def unused_starts(stored: StoredOperation) -> list[StoredStart]:
    """Return the starts that a change has reserved and not used. Pure."""
    used = 2 if change_of(stored).is_back else 1
    return reserved_starts(stored.facts.get("reserved", ""))[used:]


def reserved_starts(text: str) -> list[StoredStart]:
    """Return the starts that an operation has reserved. Pure."""
    parts = [entry.partition("/") for entry in text.split(",")]
    return [StoredStart(moment, name) for begins, _, name in parts if (moment := time_or_none(begins))]
