"""A time limit, and polling until then."""

import time
from collections.abc import Callable
from typing import Self, TypeVar

import msgspec

T = TypeVar("T")


class Deadline(msgspec.Struct, frozen=True, order=True):
    """A time of `time.monotonic`, in seconds. `min` of two deadlines is the earlier one."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline a number of seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """How many seconds are left, 0 after the deadline."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.at

    def allows(self, seconds: float) -> bool:
        """Return whether work of that many seconds, started now, ends by the deadline."""
        return time.monotonic() + seconds <= self.at

    def plus(self, seconds: float) -> "Deadline":
        """Return the deadline that is that many seconds later."""
        return Deadline(self.at + seconds)


def _is_there(result: object) -> bool:
    return result is not None


def _never(_error: Exception) -> bool:
    return False


def poll(
    check: Callable[[], T],
    *,
    every: float,
    deadline: Deadline,
    is_done: Callable[[T], bool] = _is_there,
    may_pass: Callable[[Exception], bool] = _never,
) -> T:
    """Call `check` until its result is done, by default until it has a value, and return the last result.

    It is called at least one time, and again after `every` seconds if the deadline allows that wait. The last result
    is not done if the deadline came first. If `may_pass` is true for an error, polling continues.

    Raises:
        Exception: The last exception of `check`, if it may not pass or the deadline came first.
    """
    while True:
        try:
            result = check()
        except Exception as error:
            if not may_pass(error) or not deadline.allows(every):
                raise
        else:
            if is_done(result) or not deadline.allows(every):
                return result
        time.sleep(every)
