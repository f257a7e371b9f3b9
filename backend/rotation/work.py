"""Look, plan, do one step, look again: the loop that every kind of key goes through. Then the chores, once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from backend.errors import BackendError
from backend.held import LostLockError
from backend.key_vault import DeletedError
from backend.rotation.plan import Leave, Moment, PutBack, Renew, Step
from backend.rotation.run import OvertakenError

MOST_STEPS: Final = 8  # more than any key needs: each of two others stores a version, and both are put back


class Work(Protocol):
    """One key: what Azure shows of it now, and how each step is done."""

    def next_step(self, moment: Moment) -> Step:
        """Look at Azure and plan the essential step."""

    def chores(self, moment: Moment) -> list[Step]:
        """Return what is to be tidied, by the last look."""

    def do(self, step: Step) -> str | None:
        """Do the step, and return why not if it turned out that it is better not done."""

    @property
    def served(self) -> str | None:
        """The version that the vault serves, as of the last look."""

    @property
    def since(self) -> datetime | None:
        """When what the vault serves was stored, as of the last look; None if there is nothing."""

    @property
    def ends(self) -> datetime | None:
        """When what the vault serves expires, as of the last look; None if unknown."""


@dataclass(frozen=True)
class Done:
    """What a key went through. `notes`: what came in between. `warnings`: what failed and is not the key's failure."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    left: str
    ends: datetime | None
    warnings: tuple[str, ...] = ()
    postponed: bool = False

    @property
    def changed(self) -> bool:
        """Whether the vault serves another value than before."""
        return any(isinstance(step, Renew | PutBack) for step in self.steps)


def work_through(work: Work, moment: Moment, time_is_over: Callable[[], bool]) -> Done:
    """Take the essential steps until none is left or the time is over, then do the chores.

    Raises:
        LostLockError: The lock is lost, or its storage timed out, before the key was renewed.
        BackendError: A step failed before the key was renewed; the vault serves what it served.
    """
    loop = _Loop(work, moment, time_is_over)
    try:
        loop.essential_steps()
    except LostLockError:
        raise
    except BackendError:
        loop.chores()  # each try may have left a credential, and the app registration has room for so many only
        raise
    loop.chores()
    return loop.done()


class _Loop:
    """The loop over one key."""

    def __init__(self, work: Work, moment: Moment, time_is_over: Callable[[], bool]) -> None:
        self._work = work
        self._moment = moment
        self._time_is_over = time_is_over
        self._steps: list[Step] = []
        self._notes: list[str] = []
        self._warnings: list[str] = []
        self._left = ""
        self._postponed = False

    def essential_steps(self) -> None:
        """Take the essential steps. What fails after a renewal is a warning."""
        for _ in range(MOST_STEPS):
            try:
                if self._is_over_after(self._work.next_step(self._moment)):
                    return
            except (OvertakenError, DeletedError) as error:
                self._notes.append(str(error))
                self._moment = replace(self._moment, force=False)  # what was forced is done, by someone else
            except BackendError as error:
                if not self._is_renewed:
                    raise
                self._warnings.append(f"After it was renewed: {error}")
                return
        self._warnings.append("Others stored it again and again during this run. The next run goes on.")

    def chores(self) -> None:
        """Do each chore once; one that fails is a warning, and a later run tries it again."""
        for chore in self._work.chores(self._moment):
            if self._time_is_over():
                return
            try:
                why_not = self._work.do(chore)
            except LostLockError as error:
                self._warnings.append(str(error))
                return
            except BackendError as error:
                self._warnings.append(f"{chore.reason} That was not done, and a later run tries again: {error}")
            else:
                if why_not:
                    self._warnings.append(why_not)
                else:
                    self._steps.append(chore)

    def done(self) -> Done:
        """Return what the key went through."""
        return Done(
            tuple(self._steps),
            tuple(self._notes),
            self._left,
            self._work.ends,
            warnings=tuple(self._warnings),
            postponed=self._postponed,
        )

    @property
    def _is_renewed(self) -> bool:
        return any(isinstance(step, Renew) for step in self._steps)

    def _is_over_after(self, step: Step) -> bool:
        """Do a step. Return whether there is nothing more to do, or no time for it; a key is renewed once a run."""
        if isinstance(step, Leave) or (isinstance(step, Renew) and self._is_renewed):
            self._left = step.reason
            return True
        if self._time_is_over():
            self._left, self._postponed = step.reason, True
            return True
        why_not = self._work.do(step)
        if why_not:
            self._notes.append(why_not)
            return False
        self._steps.append(step)
        if isinstance(step, Renew):
            self._moment = replace(self._moment, force=False)
        return False
