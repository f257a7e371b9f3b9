"""The client of tables, with bounded retries. Import it only to create a client: it loads azure-data-tables."""

from typing import Any

from azure.core.pipeline.policies import RetryPolicy
from azure.data.tables import TableServiceClient

# Not public. The SDK's tables need a retry policy of this class: it stores the location of each page.
from azure.data.tables._policies import TablesRetryPolicy

from backend.azure.retry import BoundedRetry


class _TableRetry(BoundedRetry, TablesRetryPolicy):
    """The bounded retries of this app, with what the SDK's pages need.

    After a timeout there is one more try, not two, because callers wait for the access tables.
    """

    def __init__(self, *, deadline_seconds: float, try_seconds: float) -> None:
        super().__init__(deadline_seconds=deadline_seconds, try_seconds=try_seconds)
        self.connect_retries = self.read_retries = 1


class BoundedTables(TableServiceClient):
    """The SDK's client, and the clients of single tables that it creates, with this app's retries.

    The SDK has no argument for the policy, and its own policy sleeps for the whole Retry-After.
    """

    def __init__(self, *args: Any, retry_policy: BoundedRetry, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's own arguments
        self._bounds = retry_policy
        super().__init__(*args, **kwargs)

    def _configure_policies(self, **kwargs: Any) -> list[Any]:  # noqa: ANN401 - the SDK's own signature
        """Return the SDK's policies with this app's retry policy. Not public in the SDK, so a test checks it."""
        bounded = _TableRetry(
            deadline_seconds=self._bounds.deadline_seconds,
            try_seconds=self._bounds.try_seconds,
        )
        policies = super()._configure_policies(**kwargs)
        return [bounded if isinstance(policy, RetryPolicy) else policy for policy in policies]
