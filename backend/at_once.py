"""Several calls at once, in threads that never hold up the end of the process."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from backend import correlation
from backend.errors import AzureUnreachableError

T = TypeVar("T")


def start(work: Callable[[], T], *, name: str) -> "Future[T]":
    """Run the work in a daemon thread of its own; the future holds its value or what it raised."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=correlation.inherited(run), name=name, daemon=True).start()
    return future


def by(moment: float, future: "Future[T]", *, what: str) -> T:
    """Answer the future's value, waiting until the moment (of `time.monotonic`) at the longest.

    Raises:
        AzureUnreachableError: The moment came first.
    """
    try:
        return future.result(max(0.0, moment - time.monotonic()))
    except TimeoutError as error:
        if future.done():
            raise  # it is what the work raised
        raise AzureUnreachableError(f"Tried to {what}, but that took too long: ask again in a moment.") from error
