"""Earlier states, for reads that are out of date."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Past(Generic[T]):
    """The earlier states, by key, of values that are replaced and never changed in place.

    It keeps only the states that the lag can still show. So a write adds one entry, however many values there are.
    """

    def __init__(self, lag: timedelta = timedelta()) -> None:
        self.lag = lag
        self._states: dict[str, deque[tuple[datetime, T]]] = {}  # with the end of each, oldest first

    def replaced(self, key: str, old: T, now: datetime) -> None:
        """Remember that `old` was the state of `key` until now."""
        if self.lag:
            self._states.setdefault(key, deque()).append((now, old))
            self._forget(key, now)

    def seen(self, key: str, current: T, now: datetime) -> T:
        """Return the state of `key` as of the lag. Before the first change, that is the first state."""
        self._forget(key, now)
        states = self._states.get(key)
        return states[0][1] if states else current

    def changed_keys(self) -> Iterable[str]:
        """Return the keys whose earlier states can still be seen."""
        return tuple(self._states)

    def _forget(self, key: str, now: datetime) -> None:
        states = self._states.get(key, deque())
        while states and states[0][0] <= now - self.lag:
            states.popleft()
        if not states:
            self._states.pop(key, None)
