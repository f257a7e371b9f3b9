"""Look, plan, do one step, look again: the loop that every kind of key goes through."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from backend.errors import BackendError
from backend.rotation.plan import Leave, Moment, PutBack, Renew, Step
from backend.rotation.run import OvertakenError

MOST_STEPS: Final = 20  # far more than any history of a key asks for


class Work(Protocol):
    """One key: what Azure shows of it now, and how each step is done."""

    def next_step(self, moment: Moment) -> Step:
        """Look at Azure and plan."""

    def do(self, step: Step) -> str | None:
        """Do the step; answer why not, where it turned out that it is better not done."""

    @property
    def served(self) -> str | None:
        """The version that the vault serves, as of the last look."""

    @property
    def since(self) -> datetime | None:
        """When what the vault serves was stored, as of the last look; None where there is nothing."""

    @property
    def ends(self) -> datetime | None:
        """The end of what the vault serves, as of the last look; None if unknown."""


@dataclass(frozen=True)
class Done:
    """What a key went through. `notes`: what came in between. `problem` came after the key was safely renewed."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    left: str
    ends: datetime | None
    problem: str | None = None
    postponed: bool = False

    @property
    def changed(self) -> bool:
        """Tell whether the vault serves another value than before."""
        return any(isinstance(step, Renew | PutBack) for step in self.steps)


def work_through(work: Work, moment: Moment, time_is_over: Callable[[], bool]) -> Done:
    """Take one step after the other until nothing is left to do, or the time is over.

    Raises:
        BackendError: A step failed before the key was renewed; the vault serves what it served.
    """
    done: list[Step] = []
    notes: list[str] = []
    for _ in range(MOST_STEPS):
        try:
            step = work.next_step(moment)
            if isinstance(step, Leave):
                return Done(tuple(done), tuple(notes), step.reason, work.ends)
            if time_is_over():
                return Done(tuple(done), tuple(notes), step.reason, work.ends, postponed=True)
            why_not = work.do(step)
        except OvertakenError as error:
            notes.append(str(error))
            moment = replace(moment, force=False)  # what was forced is done, by someone else
            continue
        except BackendError as error:
            if not any(isinstance(earlier, Renew) for earlier in done):
                raise
            return Done(tuple(done), tuple(notes), "", work.ends, problem=str(error))
        if why_not:
            notes.append(why_not)
            continue
        done.append(step)
        if isinstance(step, Renew):
            moment = replace(moment, force=False)
    return Done(
        tuple(done), tuple(notes), "", work.ends, problem="It asked for more steps than any key needs; see the log."
    )
