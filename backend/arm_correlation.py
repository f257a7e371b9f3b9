"""The correlation id as Azure Resource Manager takes it over: its activity log keeps a call under it."""

import re
from typing import Any, Final

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from backend import correlation

HEADER: Final = "x-ms-correlation-request-id"
GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class ArmCorrelation(SansIOHTTPPolicy[Any, Any]):
    """Send the id of the call under way, where it is a GUID; the SDK's own id of each request stays."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Add the header."""
        if GUID.fullmatch(found := correlation.current()):
            request.http_request.headers[HEADER] = found
