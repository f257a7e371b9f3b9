"""An answer held back until it is known whether it may go out."""

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope, Send


class Answer:
    """Status, headers and body of one answer."""

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
        """Send it on."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers.raw})
        await send({"type": "http.response.body", "body": self.body})


async def answer_of(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    """Run one call through `app` and keep its answer."""
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = MutableHeaders(raw=list(message.get("headers", [])))
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, take)
    return answer
