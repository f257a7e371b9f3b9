"""The correlation ID in calls to Azure Resource Manager, whose activity log stores it."""

import re
from typing import Any, Final

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from backend.concurrency import correlation

HEADER: Final = "x-ms-correlation-request-id"
GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class ArmCorrelation(SansIOHTTPPolicy[Any, Any]):
    """Send the current correlation ID if it is a GUID. The SDK's own ID of each request stays."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Add the header."""
        if GUID.fullmatch(identifier := correlation.current()):
            request.http_request.headers[HEADER] = identifier
