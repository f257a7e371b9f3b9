"""What follows from a look at a change of the version: it is done, it goes on, it failed, or it is rolled back. Pure.

A roll back needs evidence: the pull failed, the container ended, or CIPP is not ready for the whole time limit since
the newest start. The time alone is never enough. A version that once started is not rolled back by a later restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.hosting.container.health import Evidence, Health
from backend.hosting.container.versions.start_log import Failure
from backend.operations.results import Outcome

REQUESTED: Final = timedelta(minutes=5)  # after a request, in which Azure may not show the new image yet
LOG_MARGIN: Final = timedelta(seconds=1)  # the times of the log are compared by seconds
GIVEN_UP: Final = timedelta(days=1)
_BEFORE_READY: Final = ("Starting", "BaseReady")  # the phases in which CIPP serves nothing
_FAILURES: Final[Mapping[Failure, str]] = {
    "pull": "Azure couldn't pull the image.",
    "exit": "The container ended during its start.",
}
_OTHERS: Final = "Azure shows another image now, which others have set. Nothing more is changed."
_NOT_SET: Final = "Azure still shows the former image, so the change had no effect or was undone. Repeat it if needed."
_STOPPED: Final = "The app is stopped now. Start it with ExecFunctionAppStart."
_NO_RESTART: Final = "The process from before still runs. To start the new image: ExecFunctionAppRestart."
_GO_BACK: Final = "To go back, call ExecBackendVersionSet with the version that ListBackendVersions shows as GoBackTo."
_NOT_NEEDED: Final = "The new version started after all, so the roll back was not needed any more."
_NOT_ROLLED_BACK: Final = "The roll back had no effect within a day, so it is not requested any more."
_WAITS: Final = "The roll back had no effect. It is requested again only if CIPP is not ready."
_LOG: Final = "To see why, open the link LogStream of ExecBackendURLs."


@dataclass(frozen=True)
class Change:
    """A change of the version. Images are references without `DOCKER|`.

    - `image_back` and `version_back` are what a roll back sets. `version_before` and the others are "" if unknown.
    - `is_back`: the roll back was requested, first at `back_at`, and last at `requested_at`.
    - `set_at`: Azure had accepted the new image, None if it is not known yet.
    - `down_since`: since then, each look found CIPP not ready. None: the last look did not.
    - `was_up`: CIPP responded before the change, so this app can reach it.
    """

    image_before: str
    image_after: str
    image_back: str
    version_before: str
    version_after: str
    version_back: str
    rolls_back: bool
    began: datetime
    evidence: Evidence
    was_up: bool = False
    is_back: bool = False
    back_at: datetime | None = None
    requested_at: datetime | None = None
    down_since: datetime | None = None
    set_at: datetime | None = None


@dataclass(frozen=True)
class VersionLook:
    """What a look found. `image` is what Azure shows now, and `running` the version of CIPP's site, "" if unknown.

    - `is_confirmed`: a second look right after the first one also found CIPP not ready.
    - `started`: the newest start of the app that this app requested since the change, None without one.
    - `recorded`: the version that CIPP recorded last, and when it first started, None if that is unknown.
    """

    image: str
    is_stopped: bool
    health: Health
    running: str
    failure: Failure
    now: datetime
    is_confirmed: bool = True
    started: datetime | None = None
    recorded: tuple[str, datetime] | None = None


@dataclass(frozen=True)
class Decision:
    """What to do. With `rolls_back`, the former image must be set."""

    outcome: Outcome = "running"
    result: str = ""
    next: tuple[str, ...] = ()
    rolls_back: bool = False

    @property
    def needs_start(self) -> bool:
        """Whether the next step is a start by an admin."""
        return _NO_RESTART in self.next


def decide(change: Change, look: VersionLook, limit: timedelta) -> Decision:
    """Return what follows from a look. `limit` is the time after which CIPP should be ready."""
    if not look.image:  # Azure did not show it, so others may not have set one
        return Decision()
    return _decide_back(change, look, limit) if change.is_back else _decide_change(change, look, limit)


def log_since(change: Change) -> datetime | None:
    """Return since when the log shows starts of the new image, None if it can't be known.

    If CIPP was down before, its former container may end again and again, also after the change.
    """
    return change.set_at + LOG_MARGIN if change.was_up and change.set_at and not change.is_back else None


def is_not_ready(health: Health) -> bool:
    """Return whether CIPP serves nothing. If it is unknown, the result is False."""
    return health.is_up is False or health.phase in _BEFORE_READY


def _decide_change(change: Change, look: VersionLook, limit: timedelta) -> Decision:  # noqa: PLR0911 - one return a case
    if look.image != change.image_after:
        if look.image != change.image_before:
            return Decision("unknown", _OTHERS)
        return Decision() if look.now < (change.set_at or change.began) + REQUESTED else Decision("failed", _NOT_SET)
    if look.health.is_ready and _runs_new(change, look):
        return Decision("done", f"{look.health} It runs version {look.running or 'unknown'}.")
    if look.is_stopped:
        return Decision("failed", _STOPPED)
    since = max(change.set_at or change.began, look.started or change.began)
    is_late = look.now > since + limit
    if reason := _evidence(change, look, since, limit):
        if change.rolls_back:
            return Decision(result=reason, rolls_back=True)
        is_over = is_late and ((look.failure and change.was_up) or look.now > change.began + limit + GIVEN_UP)
        return Decision("failed" if is_over else "running", reason, (_LOG, _GO_BACK))
    if look.now > change.began + limit + GIVEN_UP:
        return Decision("unknown", str(look.health), (_LOG, _GO_BACK))
    if is_late and look.health.is_ready:
        if change.version_before == change.version_after:
            return Decision("done", f"{look.health} The image is set. It has the version that runs already.")
        return Decision(result=str(look.health), next=(_NO_RESTART,))
    return Decision(result=str(look.health), next=(_LOG, _GO_BACK) if is_late else ())


def _runs_new(change: Change, look: VersionLook) -> bool:
    """Return whether the process of the new image runs. A tag can move meanwhile, so another version counts, too."""
    if look.running and look.running == change.version_after != change.version_before:
        return True
    return change.evidence.after(look.health).is_another and (
        not look.running or look.running != change.version_before or change.version_before == change.version_after
    )


def _has_started(change: Change, look: VersionLook) -> bool:
    """Return whether CIPP recorded that the new version has started. It records only a version that changed."""
    if look.recorded is None or change.version_before == change.version_after:
        return False
    version, at = look.recorded
    return version == change.version_after and at > change.began


def _evidence(change: Change, look: VersionLook, since: datetime, limit: timedelta) -> str:
    """Return why the new version does not work, "" without evidence.

    A version that has started works, so what a later restart shows does not count against it.
    """
    if not is_not_ready(look.health) or not look.is_confirmed:
        return ""
    if look.now > change.began + limit and _has_started(change, look):
        return ""
    if look.failure and change.was_up:
        return f"{_FAILURES[look.failure]} {look.health}"
    is_late, is_long = look.now > since + limit, look.now >= (change.down_since or look.now) + limit
    reaches = change.was_up or look.health.is_shut or look.health.phase is not None
    return f"CIPP is not ready after the time limit. {look.health}" if is_late and is_long and reaches else ""


def _decide_back(change: Change, look: VersionLook, limit: timedelta) -> Decision:
    began = change.back_at or change.began
    if look.image == change.image_after != change.image_back:
        return _decide_lost(change, look, began)
    if look.image != change.image_back:
        return Decision("unknown", _OTHERS)
    # The tag may have moved meanwhile. Then another version than the one from before runs, but not the new one.
    is_new = bool(look.running) and look.running == change.version_after != change.version_back
    if look.health.is_ready and not is_new:
        return Decision("undone", f"Rolled back. {look.health} It runs version {look.running or 'unknown'}.")
    if look.is_stopped:
        return Decision("failed", f"Rolled back to the former image. {_STOPPED}")
    if look.now > began + limit + GIVEN_UP:
        return Decision("failed", f"Rolled back to the former image. {look.health}", (_LOG,))
    steps = (_NO_RESTART,) if look.health.is_ready else (_LOG,)
    return Decision(
        result=f"Rolled back to the former image. {look.health}", next=steps if look.now > began + limit else ()
    )


def _decide_lost(change: Change, look: VersionLook, began: datetime) -> Decision:
    """Return what follows if Azure still shows the new image. The roll back was lost or refused, or takes effect soon.

    It is requested again only while CIPP is still not ready: the new version may have started meanwhile.
    """
    if look.now < (change.requested_at or began) + REQUESTED:
        return Decision()
    if look.health.is_ready and _runs_new(change, look):
        return Decision("done", f"{_NOT_NEEDED} {look.health} It runs version {look.running or 'unknown'}.")
    if look.now > began + GIVEN_UP:
        return Decision("failed", f"{_NOT_ROLLED_BACK} {look.health}", (_LOG, _GO_BACK))
    if is_not_ready(look.health) and look.is_confirmed and not look.is_stopped:
        return Decision(result=f"The roll back is requested again. {look.health}", rolls_back=True)
    return Decision(result=f"{_WAITS} {look.health}")
