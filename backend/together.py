"""One call for all who ask at once. Whoever asks gets an answer that was asked for after they did."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Share a question among threads: 32 that ask while one call is under way wait for the one next call."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._asking = False
        self._answer: tuple[T | None, Exception | None] = (None, None)

    def __call__(self) -> T:
        """Ask; raises what the call raised, to everyone who waited for it."""
        with self._turn:
            wanted = self._begun + 1
            self._turn.wait_for(lambda: self._ended >= wanted or not self._asking)
            if self._ended >= wanted:
                return self._told()
            self._asking = True
            self._begun += 1
        try:
            answer: tuple[T | None, Exception | None] = (self._ask(), None)
        except Exception as error:  # noqa: BLE001 - it is raised to all who wait
            answer = (None, error)
        with self._turn:
            self._answer = answer
            self._asking = False
            self._ended = self._begun
            self._turn.notify_all()
            return self._told()

    def _told(self) -> T:
        value, error = self._answer
        if error is not None:
            raise error
        return value  # type: ignore[return-value] # without an error it is the call's own value
