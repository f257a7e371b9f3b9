"""One run of a timer, with its own correlation ID. Its errors are logged without values."""

import logging

from backend.concurrency import correlation
from backend.errors import BackendError
from backend.internal_errors import stack_of
from backend.services import Services
from settings.audit.log_lines import log_internal_error
from settings.http.routes import Timer

logger = logging.getLogger("cipp.timer")


def run_timer(timer: Timer, services: Services) -> None:
    """Run the timer's function.

    Raises:
        BackendError: The run failed. No cause is chained, because the host logs the texts of all chained errors.
    """
    with correlation.under():
        fields = {"timer": timer.name}
        try:
            timer.work(services)
        except BackendError as error:
            message = " ".join(str(error).split())
            logger.warning("%s failed: %s", timer.name, message, extra={**fields, "stack": stack_of(error)})
            raise error from None
        except Exception as error:  # noqa: BLE001 - no error's text may reach the host
            internal_error = log_internal_error(timer.name, error, fields)
        else:
            logger.info("%s finished.", timer.name, extra=fields)
            return
        raise internal_error
