"""The correlation id of what is under way: one for each request and each run of a timer."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final, ParamSpec, TypeVar
from uuid import uuid4

P = ParamSpec("P")
T = TypeVar("T")
# A caller's own id is written into logs and headers, so it is taken over only where it can do no harm there.
PLAUSIBLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: Final[ContextVar[str]] = ContextVar("correlation_id", default="")


def current() -> str:
    """Answer the id; empty where neither a request nor a timer is at work."""
    return _current.get()


@contextmanager
def under(given: str | None = None) -> Iterator[str]:
    """Work under the id that was given, where it is plausible, else under a new one."""
    taken = given if given and PLAUSIBLE.fullmatch(given) else str(uuid4())
    token = _current.set(taken)
    try:
        yield taken
    finally:
        _current.reset(token)


def inherited(work: Callable[P, T]) -> Callable[P, T]:
    """Let the work, in whichever thread it is called, go on under the id of now."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(work, *args, **kwargs)  # a copy each: a context is entered by one thread at a time

    return run
