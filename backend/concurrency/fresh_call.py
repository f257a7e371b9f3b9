"""One call that concurrent callers share. Each caller gets the result of a call that began after its own request.

`Cached` lets callers join a call that began earlier, which is too old if a write operation depends on the result.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Share a call among threads. If 32 threads request it while it is in progress, all wait for the one next call."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._is_calling = False
        self._outcome: tuple[T | None, Exception | None] = (None, None)

    def __call__(self) -> T:
        """Return the result of the call, or raise its exception, in each thread that waited for it."""
        with self._turn:
            wanted = self._begun + 1
            self._turn.wait_for(lambda: self._ended >= wanted or not self._is_calling)
            if self._ended >= wanted:
                return self._result()
            self._is_calling = True
            self._begun += 1
        try:
            outcome: tuple[T | None, Exception | None] = (self._call(), None)
        except Exception as error:  # noqa: BLE001 - it is raised in all threads that wait
            outcome = (None, error)
        with self._turn:
            self._outcome = outcome
            self._is_calling = False
            self._ended = self._begun
            self._turn.notify_all()
            return self._result()

    def _result(self) -> T:
        value, error = self._outcome
        if error is not None:
            raise error
        return value  # type: ignore[return-value] # without an error it is the call's own value
