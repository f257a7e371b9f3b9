"""A change of the version: pin CIPP's image to a version, or set its channel. Azure then restarts CIPP.

Never run against a real CIPP or real Azure. Requires Website Contributor on the site.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import msgspec

from backend.azure.clients import Clients
from backend.azure.public_web import PublicWeb
from backend.cipp.row_lock import row_lock
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, ConflictError, NotFoundError, changed_nothing
from backend.hosting.container.health import Before, Evidence
from backend.hosting.container.image import Container, ContainerImage
from backend.hosting.container.start_plan import OPEN_JOBS
from backend.hosting.container.starts import Starts, StoredStart
from backend.hosting.container.updates.reference import REGISTRY, REPOSITORY, ImageReference
from backend.hosting.container.updates.registry import MissingImageError, NotComparableError, Registry
from backend.hosting.container.versions.completion import (
    KIND,
    SET_AT,
    VersionCompletion,
    change_of,
    facts_of,
    unused_starts,
)
from backend.hosting.container.versions.decision import Change
from backend.hosting.container.versions.request import WayBack, effects, ways_back
from backend.hosting.container.versions.table_copies import COPIED, TableCopies
from backend.hosting.results.apps import Consent
from backend.hosting.results.versions import VersionAct
from backend.installation.app_states import STOPPED, condition_of
from backend.installation.discovery import Discovery
from backend.operations.operations import Operations
from backend.operations.results import Operation, Progress, StoredOperation
from backend.readings import properties_of

logger = logging.getLogger("cipp.versions")
END_SECONDS: Final = 195.0  # the response comes within 200 s, and HTTP ends after 230 s
LOOK_SECONDS: Final = 60.0  # of a look with its roll back. Only a failing Azure takes that long
FIRST_LOOK_SECONDS: Final = 20.0  # of the look at a change that is running already
WRITE_SECONDS: Final = 80.0  # of the write with its look
LOCK: Final = "version"
_LOOK: Final = "Look again with ListBackendOperations."
_OTHER_IMAGE: Final = f"Only images of {REGISTRY}/{REPOSITORY} can be set. Set the image of a fork in the Azure portal."
_NOT_ROLLED_BACK: Final = "If the new version does not start, nothing is rolled back. To allow it, send RollBack: true."
_FORCED: Final = " If that fails, go on without a copy, because of Force."
_NO_WAY_BACK: Final = (
    "Couldn't set the version with RollBack: which image restores the running version is unknown, or the registry does "
    "not have it under a tag other than the new one."
)

_IS_DOWN: Final = (
    "Couldn't set the version with RollBack: CIPP doesn't respond now, so its present image may not work, either. "
    "A roll back can't restore it."
)


@dataclass(frozen=True)
class _Plan:
    """A change that was planned."""

    app: str
    container: Container
    before: ImageReference
    target: ImageReference
    running: str
    version: str
    rolls_back: bool
    back: WayBack | None
    no_back: ConflictError | None  # why a requested one is not possible
    starts: int
    read: float  # by the monotonic clock

    def now(self) -> datetime:
        """Return Azure's time now."""
        return self.container.moment + timedelta(seconds=time.monotonic() - self.read)

    def act(self, *done: str, would_do: Sequence[str] = ()) -> VersionAct:
        """Return the result. Without sentences of what was done, it is that of a dry run."""
        return VersionAct(
            dry_run=not done,
            would_do=[*would_do],
            done=[*done],
            image_before=str(self.before),
            image_after=str(self.target),
            version_before=self.running or None,
            version_after=self.version,
        )


class VersionChanges:
    """The service of the changes."""

    def __init__(
        self, clients: Clients, discovery: Discovery, image: ContainerImage, completion: VersionCompletion
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._image = image
        self._completion = completion
        self._operations = Operations(clients)
        self._starts = Starts(clients)
        self._copies = TableCopies(clients)
        self._registry = Registry(PublicWeb(clients.limits))

    def set(self, tag: str, *, roll_back: bool, dry_run: bool, consent: Consent) -> VersionAct:
        """Set the image to a tag of `requested_tag`, and follow CIPP's start.

        Raises:
            NotFoundError: The registry does not have the tag.
            ConflictError: CIPP's image is another one, a change is running, or its starts don't fit into the limit.
            AzureError: Azure refused or timed out. The message names the operation if it may have begun.
        """
        deadline = Deadline.after(END_SECONDS)
        if dry_run:
            plan = self._plan(tag, roll_back=roll_back)
            return plan.act(would_do=self._description(plan, consent))
        run_id = uuid4().hex[:12]
        with row_lock(self._clients, LOCK, run_id=run_id, by=consent.by or "CIPP Backend"):
            _must_allow(deadline)
            plan = self._plan(tag, roll_back=roll_back)  # another request may have set an image while this one waited
            stored, notes = self._begun(plan, consent, deadline)
        if stored is None:
            return plan.act(f"The image is {plan.target} already.", *notes)
        operation = self._followed(stored, deadline)
        act = plan.act(f"Set the image of '{plan.app}' to {plan.target}.", *notes, operation.result or _LOOK)
        return msgspec.structs.replace(act, copy=stored.facts.get("copy") or None, operation=operation)

    def _plan(self, tag: str, *, roll_back: bool) -> _Plan:
        container, read = self._image.container(), time.monotonic()
        app = self._discovery.deployment().main_app or ""
        before = container.reference
        if before is None or not before.is_cipps:
            raise ConflictError(
                f"Couldn't set the version of '{app}': its image is not CIPP's own.", advice=_OTHER_IMAGE
            )
        if condition_of(properties_of(container.site)).state == STOPPED:
            raise ConflictError(
                f"Couldn't set the version of '{app}': it is stopped, so the new version would not start.",
                advice="Start it with ExecFunctionAppStart.",
            )
        target = ImageReference(before.host, before.repository, tag)
        version = self._version_of(target)
        running = self._image.running(container).version
        back = self._way_back(before, target, running) if roll_back else None
        why = "" if not roll_back else _IS_DOWN if not self._is_up(container) else "" if back else _NO_WAY_BACK
        return _Plan(
            app,
            container,
            before,
            target,
            running,
            version,
            rolls_back=roll_back,
            back=None if why else back,
            no_back=ConflictError(why, advice="Repeat without RollBack.") if why else None,
            starts=2 + roll_back,
            read=read,
        )

    def _way_back(self, before: ImageReference, target: ImageReference, running: str) -> WayBack | None:
        """Return the best way back whose image the registry has with that version."""
        label = self._label_of(before)
        ways = ways_back(before, target, running, label)
        return next((way for way in ways if way.image == before or self._label_of(way.image) == way.version), None)

    def _is_up(self, container: Container) -> bool:
        """Return whether CIPP responds. If not, its present image may be what does not work."""
        site = self._image.health(container)
        return bool(site and site.look().is_up)

    def _version_of(self, target: ImageReference) -> str:
        """Return the version of the tag. It must exist, because a start without its image fails."""
        deadline = Deadline.after(self._clients.limits.registry_timeout_seconds)
        try:
            return self._registry.image(target, deadline).version
        except MissingImageError as error:
            raise NotFoundError(
                f"Couldn't set the version: the registry does not have {target}.",
                advice="ListBackendVersions lists the published versions.",
            ) from error
        except NotComparableError as error:
            raise ConflictError(
                f"Couldn't set the version: whether {target} exists is unknown. {error}", advice="Try again."
            ) from error

    def _label_of(self, reference: ImageReference) -> str:
        try:
            return self._registry.image(
                reference, Deadline.after(self._clients.limits.registry_timeout_seconds)
            ).version
        except NotComparableError:
            return ""

    def _description(self, plan: _Plan, consent: Consent) -> list[str]:
        running = self._running(plan.app)
        refusal = self._refusal_of(plan, running, consent)
        first = [f"Refuse: {refusal}"] if refusal else self._forced(plan, running) if consent.force else []
        if plan.target == plan.before:
            return [*first, f"Nothing: the image is {plan.target} already. A restart installs its newest version."]
        seconds = self._clients.limits.version_timeout_seconds
        evidence = f"the pull fails, the container ends, or CIPP is not ready after {seconds:.0f} s"
        back = _NOT_ROLLED_BACK
        reserved = "for the new version, and for a repair of the sign-in by CIPP itself"
        if plan.rolls_back:
            reserved = "for the new version, for a repair of the sign-in by CIPP itself, and for the roll back"
        if plan.back:
            back = f"If {evidence}, go back to {plan.back.image} with version {plan.back.version}."
        return [
            *first,
            f"Copy CIPP's tables {', '.join(COPIED)} within CIPP's storage account.{_FORCED if consent.force else ''}",
            f"Set the image of '{plan.app}' from {plan.before} to {plan.target}, which restarts CIPP.",
            *effects(plan.running, plan.version, plan.target),
            back,
            f"Reserve {plan.starts} starts of CIPP: {reserved}.",
            OPEN_JOBS,
        ]

    def _running(self, app: str) -> StoredOperation | None:
        """Return the change of the version that is running, after a look at it."""
        for stored in self._operations.open():
            if stored.operation.kind == KIND and stored.operation.target.lower() == app.lower():
                progress = self._completion(stored, Deadline.after(FIRST_LOOK_SECONDS))
                seen = self._operations.change(stored, progress) if progress else None
                seen = seen or self._operations.one(stored.operation.id)
                if seen and seen.operation.is_running:
                    return seen
        return None

    def _refusal_of(self, plan: _Plan, running: StoredOperation | None, consent: Consent) -> ConflictError | None:
        """Return why the request is refused now, None if it is allowed. The same request continues a running change."""
        if running and _is_same(running, plan):
            return None
        if running and plan.target == plan.before and plan.rolls_back:
            return ConflictError(
                f"Couldn't add RollBack to operation {running.operation.id}: its image is set already.", advice=_LOOK
            )
        if plan.target != plan.before and plan.no_back:
            return plan.no_back
        if consent.force:
            return None
        if running:
            return self._refusal(plan, running)
        return self._too_many(plan, None) if plan.target != plan.before else None

    def _refusal(self, plan: _Plan, running: StoredOperation) -> ConflictError:
        operation, too_many = running.operation, self._too_many(plan, running)
        also = f" Force then also exceeds the limit of starts. {too_many.detail}" if too_many else ""
        return ConflictError(
            f"Couldn't set the version: operation {operation.id} is still running. {operation.step}",
            advice=f"{_LOOK} To end it and set another version, repeat with Force: true.{also}",
        )

    def _too_many(self, plan: _Plan, running: StoredOperation | None) -> ConflictError | None:
        """Return why the starts don't fit into the limit, after those that a running change no more needs."""
        without = unused_starts(running) if running else []
        return self._starts.refusal_of_reservation(plan.app, plan.container.moment, plan.starts, without)

    def _forced(self, plan: _Plan, running: StoredOperation | None) -> list[str]:
        """Return what only Force allows, as sentences."""
        if running and _is_same(running, plan):
            return []
        too_many = self._too_many(plan, running) if plan.target != plan.before else None
        return [
            *([f"Operation {running.operation.id}, which is still running, ends."] if running else []),
            *([f"The limit of starts is exceeded, because of Force. {too_many.detail}"] if too_many else []),
        ]

    def _begun(self, plan: _Plan, consent: Consent, deadline: Deadline) -> tuple[StoredOperation | None, list[str]]:
        """Store the change and request it, or continue the same one. Return it, and what only Force allowed.

        The change is None if the image is set already.
        """
        running = self._running(plan.app)
        if refusal := self._refusal_of(plan, running, consent):
            raise refusal
        if running and _is_same(running, plan):
            is_sent = str(plan.before) != change_of(running).image_before
            return (running if is_sent else self._request(plan, running)), []
        notes = self._forced(plan, running) if consent.force else []
        if running:
            ended = Progress("unknown", result="Another version was set meanwhile.", at=plan.container.moment)
            if self._operations.change(running, ended) is None:
                raise ConflictError(
                    f"Couldn't set the version: operation {running.operation.id} has changed just now. It may be "
                    "rolled back now.",
                    advice=_LOOK,
                )
            self._starts.withdraw(plan.app, *unused_starts(running))
        if plan.target == plan.before:
            return None, notes
        reserved = self._starts.reserve(plan.app, plan.container.moment, plan.starts, force=consent.force)
        try:
            copy = self._copied(plan, consent, notes)
            _must_allow(deadline)
            stored = self._stored(plan, consent, reserved, copy)
        except BaseException:
            self._starts.withdraw(plan.app, *reserved)
            raise
        try:
            return self._request(plan, stored), notes
        except BackendError as error:
            if changed_nothing(error):
                self._starts.withdraw(plan.app, *reserved)
            raise

    def _copied(self, plan: _Plan, consent: Consent, notes: list[str]) -> str:
        """Copy CIPP's tables, and return the name of the copy. With Force, go on without it, and note why."""
        try:
            return self._copies.make(plan.container.moment)
        except BackendError as error:
            if not consent.force:
                error.advice = f"{error.advice} To set the version without a copy, repeat with Force: true.".strip()
                raise
            logger.warning("CIPP's tables were not copied: %s", error)
            notes.append(f"CIPP's tables were not copied, because of Force. {error.detail}")
            return ""

    def _stored(self, plan: _Plan, consent: Consent, reserved: list[StoredStart], copy: str) -> StoredOperation:
        """Store the change as an operation, which is about to be requested."""
        site = self._image.health(plan.container)
        health = site.look() if site else None
        change = Change(
            image_before=str(plan.before),
            image_after=str(plan.target),
            image_back=str(plan.back.image) if plan.back else "",
            version_before=plan.running,
            version_after=plan.version,
            version_back=plan.back.version if plan.back else "",
            rolls_back=plan.back is not None,
            began=plan.container.moment,
            evidence=Evidence.before(Before(health)) if health else Evidence(),
            was_up=bool(health and health.is_up),
        )
        return self._operations.begin(
            KIND,
            plan.app,
            before=f"{plan.before} with version {plan.running or 'unknown'}. Copy of CIPP's tables: {copy or 'none'}.",
            by=consent.by,
            lasts=timedelta(seconds=self._clients.limits.version_timeout_seconds),
            step=f"Set the image to {plan.target} with version {plan.version}.",
            next_steps=[_LOOK],
            facts=facts_of(change, reserved, copy),
            now=plan.container.moment,
        )

    def _request(self, plan: _Plan, stored: StoredOperation) -> StoredOperation:
        """Set the image, and store when. If the response was lost, a read shows whether that took effect.

        Raises:
            BackendError: Azure refused, so the operation has ended, or it is unknown, and the operation shows it later.
        """
        error = self._completion.set_image(plan.app, str(plan.target))
        if error is None:
            return self._set(stored, plan.now())
        if changed_nothing(error):
            self._operations.change(
                stored, Progress("failed", result=f"Nothing was changed. {error}", at=plan.container.moment)
            )
            raise error
        try:
            seen = self._image.container()
            if seen.reference == plan.target:
                return self._set(stored, seen.moment)
        except BackendError:
            pass
        error.add_context(after=f"Operation {stored.operation.id} shows whether it took effect.")
        error.advice = f"{_LOOK} To repeat it, send the same request."
        raise error

    def _set(self, stored: StoredOperation, moment: datetime) -> StoredOperation:
        """Store that Azure has accepted the image. If that fails, the next look stores its own time."""
        facts = {**stored.facts, SET_AT: moment.replace(microsecond=0).isoformat()}
        try:
            return self._operations.change(stored, Progress(facts=facts)) or stored
        except BackendError as error:
            logger.info("Operation %s: the time of the write was not stored: %s", stored.operation.id, error)
            return stored

    def _followed(self, stored: StoredOperation, deadline: Deadline) -> Operation:
        """Look until the change has ended, for at most `cipp_start_timeout_seconds`. Return its operation."""
        limits = self._clients.limits
        until = Deadline.after(limits.cipp_start_timeout_seconds)
        while deadline.allows(LOOK_SECONDS):
            try:
                progress = self._completion(stored, deadline)
                seen = self._operations.change(stored, progress) if progress else None
                stored = seen or self._operations.one(stored.operation.id) or stored
            except BackendError as error:
                logger.info("Operation %s was not looked at: %s", stored.operation.id, error)
            if not stored.operation.is_running or not until.allows(limits.cipp_start_poll_seconds):
                break
            time.sleep(limits.cipp_start_poll_seconds)
        return stored.operation


def _must_allow(deadline: Deadline) -> None:
    """Raise if the write of the image and a look at it may end after the response. Nothing was changed then."""
    if not deadline.allows(WRITE_SECONDS):
        raise ConflictError(
            "Couldn't set the version: what comes before took too long, so nothing was changed.", advice="Try again."
        )


def _is_same(running: StoredOperation, plan: _Plan) -> bool:
    """Return whether a running change sets the same image with the same roll back, so that the request continues it."""
    change = change_of(running)
    is_same = change.image_after == str(plan.target) and change.rolls_back == plan.rolls_back
    return is_same and not change.is_back
