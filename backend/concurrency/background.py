"""Work in other threads, always with the correlation ID of the caller."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Final, TypeVar

from backend.concurrency import correlation
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError

T = TypeVar("T")
Item = TypeVar("Item")
# Keys that the rotation processes concurrently, and so connections per host. A vault accepts 29 secrets a second, so
# 48 keep it busy while a key takes up to 1.6 s. With 64, the rotation used 2 MB more and was not faster.
KEYS: Final = 48


def start(work: Callable[[], T], *, name: str) -> "Future[T]":
    """Run the work in its own thread, which does not delay the exit of the process.

    Return a future with the work's value or its exception.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the future raises it when its result is read
            future.set_exception(error)

    threading.Thread(target=correlation.inherited(run), name=name, daemon=True).start()
    return future


def each(
    work: Callable[[Item], T], items: Iterable[Item], *, threads: int, name: str, waits_after_failure: bool = True
) -> list[T]:
    """Do the work with each item, in up to `threads` threads, and return the results in the order of the items.

    After a failure, no further item is started. Items in progress are awaited, unless `waits_after_failure` is off.

    Raises:
        Exception: The exception of the first item that failed, in the order of the items.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - an idle app has no use for it

    workers = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        return list(workers.map(correlation.inherited(work), items))
    finally:
        workers.shutdown(wait=waits_after_failure, cancel_futures=True)


def by(deadline: Deadline, future: "Future[T]", *, what: str) -> T:
    """Return the future's value. Wait until the deadline at most.

    `what` completes "Couldn't ...".

    Raises:
        AzureUnreachableError: The deadline came first.
    """
    try:
        return future.result(deadline.left)
    except TimeoutError as error:
        if future.done():  # it finished just now, or the work itself raised a TimeoutError
            return future.result()
        raise AzureUnreachableError(
            f"Couldn't {what} in time: Azure is slow.", advice="Try again in a moment."
        ) from error
