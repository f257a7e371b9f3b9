"""A response that is kept until the sandbox decides whether to send it."""

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope, Send


class BufferedResponse:
    """The status, headers and body of one response."""

    def __init__(self, response: Response | None = None) -> None:
        self.status = response.status_code if response else 0
        self.headers = MutableHeaders(raw=list(response.raw_headers) if response else [])
        self.body = bytes(response.body) if response else b""

    def replace(self, body: bytes) -> None:
        """Replace the body, and its length in the headers."""
        self.body = body
        del self.headers["transfer-encoding"]
        self.headers["content-length"] = str(len(body))

    async def send(self, send: Send) -> None:
        """Send the response."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers.raw})
        await send({"type": "http.response.body", "body": self.body})


async def buffered_response_of(app: ASGIApp, scope: Scope, body: bytes) -> BufferedResponse:
    """Run one call through `app` and keep its response."""
    buffered = BufferedResponse()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            buffered.status = message["status"]
            buffered.headers = MutableHeaders(raw=list(message.get("headers", [])))
        else:
            buffered.body += message.get("body", b"")

    await app(scope, receive, take)
    return buffered
