"""Retries that end: azure-core's own would sleep for as long as a Retry-After says, 45 minutes for ARM."""

import time
from typing import Any

from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy


class BoundedRetry(RetryPolicy[Any, Any]):
    """Retry while a whole try still fits before the deadline; what does not fit is answered as it is."""

    def __init__(self, *, deadline_seconds: float, try_seconds: float) -> None:
        super().__init__(retry_total=4, retry_connect=3, retry_read=2, retry_status=4, retry_backoff_factor=0.3)
        self.deadline_seconds = deadline_seconds
        self.try_seconds = try_seconds

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """Set the deadline as the first try begins. A call's own `deadline_seconds` can only shorten it."""
        seconds = min(self.deadline_seconds, options.pop("deadline_seconds", self.deadline_seconds))
        return super().configure_retries(options) | {"deadline": time.monotonic() + seconds}

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Return the seconds of a Retry-After; None if there is none, or if it is neither a number nor a date."""
        try:
            return super().get_retry_after(response)
        except ValueError:
            return None

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Refuse a wait that the deadline does not allow."""
        wait = self.get_retry_after(response) or self.get_backoff_time(settings)
        return super().is_retry(settings, response) and time.monotonic() + wait < settings["deadline"]

    def increment(self, settings: dict[str, Any], response: Any = None, error: Any = None) -> bool:  # noqa: ANN401 - azure-core's signature
        """Refuse a further try, after silence, that could end past the deadline."""
        if error is not None and time.monotonic() + self.try_seconds > settings["deadline"]:
            return False
        return super().increment(settings, response=response, error=error)
