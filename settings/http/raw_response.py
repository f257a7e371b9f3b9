"""A response that is not JSON made from a result: a file, or a redirect to one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NOT_MODIFIED: Final = 304
# Every response has this header, so that a browser doesn't guess another content type.
ALWAYS: Final = {"X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class RawResponse:
    """A response that is sent without encoding: status, content, full content type and headers."""

    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def unless_modified(response: RawResponse, headers: Mapping[str, str]) -> RawResponse:
    """Return 304 (Not Modified) if the caller already has this content, otherwise the response."""
    tag = response.headers.get("ETag")
    cached_tags = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    if tag is not None and tag in cached_tags:
        return RawResponse(status=NOT_MODIFIED, content_type=response.content_type, headers=response.headers)
    return response
