"""One run of a timer: under a correlation id of its own, and what it raises is told without a value."""

import logging

from backend import correlation
from backend.backend import Backend
from backend.errors import BackendError
from backend.stack import stack_of
from settings.log import tell_mistake
from settings.routes import Timer

logger = logging.getLogger("cipp.timer")


def run_timer(timer: Timer, backend: Backend) -> None:
    """Do the timer's work.

    Raises:
        BackendError: It failed. No cause is chained: the host logs all that is, with its texts.
    """
    with correlation.under():
        beside = {"timer": timer.name}
        try:
            timer.work(backend)
        except BackendError as error:
            said = " ".join(str(error).split())
            logger.warning("%s failed: %s", timer.name, said, extra={**beside, "stack": stack_of(error)})
            raise error from None
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach the host
            mistake = tell_mistake(timer.name, error, beside)
        else:
            logger.info("%s is done", timer.name, extra=beside)
            return
        raise mistake
