"""The correlation ID: one for each request and each run of a timer."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final, ParamSpec, TypeVar
from uuid import uuid4

P = ParamSpec("P")
T = TypeVar("T")
# A caller's ID is written to logs and headers, so only a harmless one is used.
PLAUSIBLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: Final[ContextVar[str]] = ContextVar("correlation_id", default="")


def current() -> str:
    """Return the ID, or "" outside of requests and timers."""
    return _current.get()


@contextmanager
def under(given: str | None = None) -> Iterator[str]:
    """Use the given ID for the block if it is plausible, otherwise a new one."""
    identifier = given if given and PLAUSIBLE.fullmatch(given) else str(uuid4())
    token = _current.set(identifier)
    try:
        yield identifier
    finally:
        _current.reset(token)


def inherited(work: Callable[P, T]) -> Callable[P, T]:
    """Return the work as a function that keeps the current ID in any thread."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(
            work, *args, **kwargs
        )  # copied, because only one thread at a time can enter a context

    return run
