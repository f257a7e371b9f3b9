"""An answer that is no JSON of ours: a file, or the way to one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NOT_MODIFIED: Final = 304
# For every response: a browser must not guess another type than the one that is named.
ALWAYS: Final = {"X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class RawAnswer:
    """What goes out as it is: status, content, its whole content type, and headers."""

    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def as_asked(answer: RawAnswer, headers: Mapping[str, str]) -> RawAnswer:
    """Answer that nothing has changed where the caller holds this very content already."""
    tag = answer.headers.get("ETag")
    held = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    if tag is not None and tag in held:
        return RawAnswer(status=NOT_MODIFIED, content_type=answer.content_type, headers=answer.headers)
    return answer
