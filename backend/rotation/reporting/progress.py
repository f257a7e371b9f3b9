"""The progress of a run as callers see it: how it is kept current, and when the run may end."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from backend.concurrency import background
from backend.errors import BackendError
from backend.internal_errors import contained
from backend.rotation.results import RunReport

logger = logging.getLogger("cipp.rotation")
CHECKED_EVERY_SECONDS: Final = 1.0
LAST_WRITE_SECONDS: Final = 2.0  # a run that ends does not wait longer for a write of its progress
ALIKE: Final = 2  # an earlier run with at most so many times as many keys, or as few, takes a similar time
LONGEST_SECONDS: Final = 3_600.0  # no run takes longer, because the host stops it before


@contextmanager
def kept_current(show: Callable[[], None]) -> Iterator[None]:
    """Call `show` every second while the block runs. Its failure never concerns the block.

    If a write is slow, the block's end does not wait for it. So `show` may take effect after the block.
    """
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(CHECKED_EVERY_SECONDS):
            try:
                with contained("Writing the progress of the rotation"):
                    show()
            except BackendError as error:
                logger.warning("Rotation progress not written: %s", error)

    keeping = background.start(keep, name="progress of the rotation")
    try:
        yield
    finally:
        ended.set()
        wait([keeping], LAST_WRITE_SECONDS)


def estimated_end(run: RunReport, others: Iterable[RunReport], now: datetime) -> datetime | None:
    """Return when a run ends if it takes as long as the median of similar ones. Pure.

    None if no earlier run is similar, or if the run takes longer already. A similar run rotated a key, and had a
    similar number of keys.
    """
    seconds = sorted(
        one.seconds
        for one in others
        if one.ended
        and one.seconds is not None
        and 0 < one.seconds <= LONGEST_SECONDS
        and one.rotated > 0
        and run.total <= ALIKE * one.total <= ALIKE * ALIKE * run.total
    )
    if not seconds:
        return None
    ends = run.started + timedelta(seconds=round(seconds[len(seconds) // 2]))
    return ends if ends > now else None
