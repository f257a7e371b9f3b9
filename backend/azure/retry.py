"""Bounded retries. azure-core's own retries sleep for the whole Retry-After, such as 45 minutes for ARM."""

from typing import Any

from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy

from backend.azure.errors.retry_after import seconds_to_wait
from backend.concurrency.deadline import Deadline


class BoundedRetry(RetryPolicy[Any, Any]):
    """Retry while a whole try still fits before the deadline. Otherwise the last result stands."""

    def __init__(self, *, deadline_seconds: float, try_seconds: float) -> None:
        super().__init__(retry_total=4, retry_connect=3, retry_read=2, retry_status=4, retry_backoff_factor=0.3)
        self.deadline_seconds = deadline_seconds
        self.try_seconds = try_seconds

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """Set the deadline when the first try begins. A call's own `deadline_seconds` can only shorten it."""
        seconds = min(self.deadline_seconds, options.pop("deadline_seconds", self.deadline_seconds))
        return super().configure_retries(options) | {"deadline": Deadline.after(seconds)}

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Return how many seconds Azure requests callers to wait, or None if it does not state it."""
        return seconds_to_wait(response.http_response.headers) or None

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Return whether to retry: only if the deadline allows the wait. An unreadable wait counts as none stated."""
        wait = self.get_retry_after(response)
        if wait is None and response.http_response.status_code not in self._retry_on_status_codes:
            return False
        seconds = wait or self.get_backoff_time(settings)
        return super().is_retry(settings, response) and settings["deadline"].allows(seconds)

    def increment(self, settings: dict[str, Any], response: Any = None, error: Any = None) -> bool:  # noqa: ANN401 - azure-core's signature
        """Return whether to retry after a call without a response: only if the next try ends before the deadline."""
        if error is not None and not settings["deadline"].allows(self.try_seconds):
            return False
        return super().increment(settings, response=response, error=error)
