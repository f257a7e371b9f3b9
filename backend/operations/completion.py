"""The completion of operations: every look at them, and the hourly timer, complete what they can.

A look finds evidence in Azure and CIPP. Which of it ends an operation is decided by the completer of its kind.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.internal_errors import contained, stack_of
from backend.operations.operations import MOST, Operations
from backend.operations.results import Completer, Operation, Progress, StoredOperation

logger = logging.getLogger("cipp.operations")
LOOK_SECONDS: Final = 30.0
ORPHANED: Final = timedelta(days=1)
_ORPHAN: Final = (
    "How it ended is unknown: CIPP's present shape has no such operation, so this app can't look at it any more."
)
_MARGIN_SECONDS: Final = 5.0


class Completion:
    """The service of the completion. `completers` returns the completer of each kind in CIPP's present shape."""

    def __init__(self, operations: Operations, completers: Callable[[], Mapping[str, Completer]]) -> None:
        self._operations = operations
        self._completers = completers

    def look(self, most: int = MOST) -> list[Operation]:
        """Complete what can be completed, and return the operations, the newest first.

        Raises:
            AzureError: The table refused or timed out.
        """
        found = self._operations.all(most)
        self._complete([stored for stored in found if stored.operation.is_running])
        is_changed = any(stored.operation.is_running for stored in found)
        return [stored.operation for stored in (self._operations.all(most) if is_changed else found)]

    def by_timer(self) -> None:
        """Complete what can be completed, and delete old operations. A failure is logged."""
        try:
            with contained("The completion of operations"):
                self._complete(self._operations.open())
                self._end_orphans()
                self._operations.forget_old()
        except BackendError as error:
            logger.warning("Operations not completed: %s", error)

    def _end_orphans(self) -> None:
        """End the operations whose kind CIPP's present shape has not, a day after their deadline."""
        completers, now = self._completers(), datetime.now(UTC)
        for stored in self._operations.open():
            operation = stored.operation
            if operation.kind not in completers and now > operation.deadline + ORPHANED:
                self._operations.change(stored, Progress("unknown", result=_ORPHAN))

    def _complete(self, running: list[StoredOperation]) -> None:
        """Look at each operation in a thread. What takes longer than the deadline is left to the next look."""
        if not running:
            return
        completers, deadline = self._completers(), Deadline.after(LOOK_SECONDS)
        looks = [
            background.start(partial(self._one, completer, stored, deadline), name="look at an operation")
            for stored in running
            if (completer := completers.get(stored.operation.kind))
        ]
        for look in looks:
            try:
                background.by(deadline.plus(_MARGIN_SECONDS), look, what="look at an operation")
            except BackendError as error:
                logger.info("An operation was not completed: %s", error)
            except Exception as error:  # noqa: BLE001 - the others must be completed
                logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                    "An operation was not completed: internal error.", extra={"stack": stack_of(error)}
                )

    def _one(self, completer: Completer, stored: StoredOperation, deadline: Deadline) -> None:
        progress = completer(stored, deadline)
        if progress is not None:
            self._operations.change(stored, progress)
