"""The list of all calls since the last reset."""

from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders

from sandbox.tables.shared_key import is_by_key


@dataclass
class Call:
    """One call and its response. The status is 0 until there is a response."""

    method: str
    host: str
    path: str
    url: str
    request_headers: dict[str, str]
    request_body: str | None
    status: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str | None = None

    @property
    def is_by_key(self) -> bool:
        """Whether the call used the connection string of the tables. Few tests are about such calls."""
        return is_by_key(self.url.partition(":")[0], self.path)

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Store the response."""
        self.status = status
        self.response_headers = dict(headers.items())
        self.response_body = text(body) or ""

    def as_json(self) -> dict[str, Any]:
        """Return the call in the format of `/sandbox/calls`, which is that of recorded traffic."""
        return dict(vars(self))


def text(body: bytes) -> str | None:
    """Return a body as text, or None if it is empty."""
    return body.decode("utf-8", "replace") if body else None


def shown(headers: Headers) -> dict[str, str]:
    """Return request headers without the caller's token."""
    seen = MutableHeaders(raw=list(headers.raw))
    del seen["authorization"]
    return dict(seen.items())
