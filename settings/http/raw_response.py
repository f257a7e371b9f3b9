"""A response that is not JSON made from a result: a file, or a redirect to one."""

from collections.abc import Mapping
from typing import Final

import msgspec

NOT_MODIFIED: Final = 304
# Every response has this header, so that a browser doesn't guess another content type.
ALWAYS: Final = {"X-Content-Type-Options": "nosniff"}


class RawResponse(msgspec.Struct, frozen=True):
    """A response that is sent as it is: status, content, full content type and headers.

    `gzipped` is the same content, compressed, for callers that accept it.
    """

    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = {}
    gzipped: bytes = b""


def unless_modified(response: RawResponse, headers: Mapping[str, str]) -> RawResponse:
    """Return 304 (Not Modified) if the caller already has this content, otherwise the response."""
    tag = response.headers.get("ETag", "").removeprefix("W/")
    cached_tags = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    if tag and tag in cached_tags:
        return RawResponse(status=NOT_MODIFIED, content_type=response.content_type, headers=response.headers)
    return response


def compressed(response: RawResponse, headers: Mapping[str, str]) -> RawResponse:
    """Return the compressed response if it exists and the caller accepts gzip, otherwise the response."""
    if not response.gzipped or not accepts_gzip(headers.get("accept-encoding", "")):
        return response
    return RawResponse(
        response.gzipped, response.content_type, response.status, {**response.headers, "Content-Encoding": "gzip"}
    )


def accepts_gzip(accepted: str) -> bool:
    """Return whether the header Accept-Encoding names gzip, and not with the weight 0."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").removeprefix("q=").strip("0.") != "" or not weight.strip()
    return False
