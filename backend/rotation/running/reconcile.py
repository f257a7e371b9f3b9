"""The loop for every kind of key: read the state, plan, do one step, and repeat. Then do the chores once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from backend.cipp.owned_lock import LostLockError
from backend.errors import BackendError
from backend.key_vault.vault import DeletedError
from backend.rotation.planning.plan import Leave, Moment, PutBack, Renew, Step
from backend.rotation.running.context import OvertakenError

MOST_STEPS: Final = 8  # more than any key needs, even if two others each store a version


class Work(Protocol):
    """One key: how its state is read from Azure, and how each step is done."""

    def next_step(self, moment: Moment) -> Step:
        """Read the state from Azure, and plan the essential step."""

    def chores(self, moment: Moment) -> list[Step]:
        """Return the chores, by the last state that was read."""

    def do(self, step: Step) -> str | None:
        """Do a step. Return the reason if it was not done after all."""

    @property
    def facts(self) -> "KeyFacts":
        """The facts about the key, by the last state that was read."""


@dataclass(frozen=True)
class KeyFacts:
    """The facts about a key, by the last state that was read. Unknown values are empty.

    - `version` is the one that the vault serves, stored at `since`. It expires at `ends`.
    - `scopes` are those of a renewed token. `are_claims_unreadable`: its claims can't be read.
    - `superseded_ends` is the first expiry of an old credential that CIPP's apps might still use.
    """

    version: str | None = None
    since: datetime | None = None
    ends: datetime | None = None
    scopes: frozenset[str] = frozenset()
    are_claims_unreadable: bool = False
    superseded_ends: datetime | None = None


@dataclass(frozen=True)
class Done:
    """The steps of a key. `notes` are unexpected events. `warnings` are failures that don't make the key fail."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    left: str
    facts: KeyFacts
    warnings: tuple[str, ...] = ()
    postponed: bool = False

    @property
    def changed(self) -> bool:
        """Whether the vault serves another value than before."""
        return any(isinstance(step, Renew | PutBack) for step in self.steps)


def work_through(
    work: Work, moment: Moment, time_is_over: Callable[[], bool], begin: Callable[[Step], None] = lambda _step: None
) -> Done:
    """Do the essential steps until none is left or the time is over, then the chores.

    `begin` gets each step before it is done.

    Raises:
        LostLockError: The lock is lost, or its storage timed out, before the key was renewed.
        BackendError: A step failed before the key was renewed. The vault still serves the same version.
    """
    loop = _Loop(work, moment, time_is_over, begin)
    try:
        loop.essential_steps()
    except LostLockError:
        raise
    except BackendError:
        loop.chores()  # each try may have left a credential, and their number on the app is limited
        raise
    loop.chores()
    return loop.done()


class _Loop:
    """The loop over one key."""

    def __init__(
        self, work: Work, moment: Moment, time_is_over: Callable[[], bool], begin: Callable[[Step], None]
    ) -> None:
        self._work = work
        self._moment = moment
        self._time_is_over = time_is_over
        self._begin = begin
        self._steps: list[Step] = []
        self._notes: list[str] = []
        self._warnings: list[str] = []
        self._left = ""
        self._postponed = False

    def essential_steps(self) -> None:
        """Do the essential steps. A failure after a renewal is a warning."""
        for _ in range(MOST_STEPS):
            try:
                if self._is_over_after(self._work.next_step(self._moment)):
                    return
            except (OvertakenError, DeletedError) as error:
                self._notes.append(str(error))
                self._moment = replace(self._moment, force=False)  # the forced renewal was done by others
            except BackendError as error:
                if not self._is_renewed:
                    raise
                self._warnings.append(f"A step after the renewal failed. {error}")
                return
        self._warnings.append("Others stored new versions repeatedly during this run. The next run continues.")

    def chores(self) -> None:
        """Do each chore once. A failure is a warning, and a later run tries again."""
        for chore in self._work.chores(self._moment):
            if self._time_is_over():
                return
            self._begin(chore)
            try:
                why_not = self._work.do(chore)
            except LostLockError as error:
                self._warnings.append(str(error))
                return
            except BackendError as error:
                self._warnings.append(f"{chore.reason} This was not completed, and a later run tries again: {error}")
            else:
                if why_not:
                    self._warnings.append(why_not)
                else:
                    self._steps.append(chore)

    def done(self) -> Done:
        """Return the steps of the key and their results."""
        return Done(
            tuple(self._steps),
            tuple(self._notes),
            self._left,
            self._work.facts,
            warnings=tuple(self._warnings),
            postponed=self._postponed,
        )

    @property
    def _is_renewed(self) -> bool:
        return any(isinstance(step, Renew) for step in self._steps)

    def _is_over_after(self, step: Step) -> bool:
        """Do a step. Return whether it was the last, or the time is over. A key is renewed at most once a run."""
        if isinstance(step, Leave) or (isinstance(step, Renew) and self._is_renewed):
            self._left = step.reason
            return True
        if self._time_is_over():
            self._left, self._postponed = step.reason, True
            return True
        self._begin(step)
        why_not = self._work.do(step)
        if why_not:
            self._notes.append(why_not)
            return False
        self._steps.append(step)
        if isinstance(step, Renew):
            self._moment = replace(self._moment, force=False)
        return False
