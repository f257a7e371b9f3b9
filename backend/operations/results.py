"""What a caller sees of an operation, and what a look at it found."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from backend.concurrency.deadline import Deadline
from backend.values import Value

Outcome = Literal["running", "done", "failed", "undone", "unknown"]
RUNNING: Final = "running"


class Operation(Value, frozen=True):
    """One operation that may take longer than the response to its request.

    - `kind` is what it does, such as `start`, and `target` the resource.
    - `before` is the state before it. `step` is what it does now, and `next` what may be done next.
    - `outcome` is `running` until Azure or CIPP showed how it ended. `undone` is the state before, restored.
      `unknown` is the end of an operation of which nothing was seen by its deadline.
    - `deadline` is when it should have ended. Nothing is undone only because that time has passed.
    - `result` is what was seen last.
    """

    id: str
    kind: str
    target: str
    before: str
    began: datetime
    deadline: datetime
    by: str
    step: str
    next: list[str]
    outcome: Outcome = RUNNING
    result: str = ""
    ended: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.outcome == RUNNING


class StoredOperation(msgspec.Struct, frozen=True):
    """An operation as it is stored. `facts` are for its completer, and are never shown. They contain no secret.

    `revision` is another one after each change.
    """

    operation: Operation
    facts: Mapping[str, str] = {}
    revision: str = ""

    def __repr__(self) -> str:
        return f"StoredOperation(operation={self.operation!r}, revision={self.revision!r})"  # `facts` are never shown


class Progress(msgspec.Struct, frozen=True):
    """What a look at an operation found. None keeps what is stored. `at` is Azure's time of the look."""

    outcome: Outcome = RUNNING
    step: str | None = None
    next: tuple[str, ...] | None = None
    result: str | None = None
    facts: Mapping[str, str] | None = None
    at: datetime | None = None


# A look at an operation of one kind. It decides by evidence alone, and returns None if there is nothing new.
Completer = Callable[[StoredOperation, Deadline], Progress | None]
