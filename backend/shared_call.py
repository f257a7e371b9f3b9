"""One call at a time, in a thread of its own, for all callers that need its result."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from backend import at_once

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

T = TypeVar("T")
ABANDONED_SECONDS: Final = 60.0  # a call that takes longer is not joined any more: another one is begun
MARGIN_SECONDS: Final = 5.0  # beside the deadline of one call to Azure: an SDK is loaded, and threads begin


class Attempt(Generic[T]):
    """One call. Times are by the monotonic clock."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self.began: Final = time.monotonic()
        self.ended = 0.0
        self._failure: tuple[BaseException, TracebackType | None] | None = None

        def run() -> T:
            try:
                return work()
            except BaseException as error:
                self._failure = error, error.__traceback__
                raise
            finally:
                self.ended = time.monotonic()

        self._future: Future[T] = at_once.start(run, name=name)

    @property
    def done(self) -> bool:
        """Whether the result is there, so that nothing waits for it."""
        return self._future.done()

    def is_abandoned(self, after_seconds: float) -> bool:
        """Return whether the call has run for longer than that, so that nothing should join it."""
        return not self.done and time.monotonic() - self.began >= after_seconds

    @property
    def failed(self) -> bool:
        """Whether the call raised."""
        return self._failure is not None

    def wait(self, moment: float) -> bool:
        """Wait until the call is done, until the moment at the longest, and return whether it is done."""
        return not wait([self._future], max(0.0, moment - time.monotonic())).not_done

    def result(self, moment: float, *, what: str) -> T:
        """Return the result, waiting until the moment at the longest.

        Raises:
            AzureUnreachableError: The moment came first. `what` names what took too long.
            Exception: What the call raised.
        """
        try:
            return at_once.by(moment, self._future, what=what)
        except Exception as error:
            if self._failure and error is self._failure[0]:
                error.with_traceback(self._failure[1])  # else it would gather the frames of every caller that joins
            raise


class SharedCall(Generic[T]):
    """A call to Azure that many need: the first caller begins it, the others join it.

    A failure counts for `failure_seconds`: so long a call that fails is not repeated.
    """

    def __init__(
        self,
        work: Callable[[], T],
        *,
        name: str,
        failure_seconds: float = 0.0,
        abandoned_seconds: float = ABANDONED_SECONDS,
    ) -> None:
        self._work = work
        self._name = name
        self._failure_seconds = failure_seconds
        self._abandoned_seconds = abandoned_seconds
        self._lock = threading.Lock()
        self._last: Attempt[T] | None = None

    def attempt(self, lifetime_seconds: float = 0.0) -> Attempt[T]:
        """Return the call under way or the last one if it succeeded within the lifetime, or begin one."""
        with self._lock:
            if self._last is None or not self._counts(self._last, lifetime_seconds):
                self._last = Attempt(self._work, self._name)
            return self._last

    def forget(self) -> None:
        """Drop the last result. A call under way goes on, and a failure still counts for its seconds."""
        with self._lock:
            if self._last is not None and self._last.done and not self._last.failed:
                self._last = None

    def _counts(self, last: Attempt[T], lifetime_seconds: float) -> bool:
        if not last.done:
            return not last.is_abandoned(self._abandoned_seconds)
        return time.monotonic() - last.ended < (self._failure_seconds if last.failed else lifetime_seconds)
