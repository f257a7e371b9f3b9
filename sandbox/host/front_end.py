"""The front end of the Functions host: App Service's time limit of a request, and a check of the Host header."""

import asyncio
import logging
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("host")
# Documented: an HTTP function must respond within 230 s at any functionTimeout, since the load balancer's idle
# limit stops the request (Microsoft Learn, "Azure Functions scale and hosting", function app timeout duration).
REQUEST_SECONDS: Final = 230.0
# Seen on Linux: 504, and the function is completed (Azure/Azure-Functions#1477, a Python app). Clients of App
# Service report this text as the body. Not certain: other plans were seen to return 500 or 502
# (MicrosoftDocs/azure-docs#94418, #112130). Not run against real Azure.
TIMED_OUT: Final = "504.0 GatewayTimeout"
# Any port: an emulator of static web apps or a forwarded port keeps the browser's own. Checking it protects nothing.
LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
MISDIRECTED: Final = (
    "Couldn't serve this request: its Host header names another machine, and this host only serves its own machine. "
    "Use localhost, 127.0.0.1 or [::1]."
)


@dataclass(frozen=True)
class RequestLimit:
    """The ASGI app of a front end that waits for a response for a limited time in seconds."""

    app: ASGIApp
    seconds: float
    late: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request. If no response arrives in time, send 504. The function continues without its caller."""
        responses = _Responses(send)
        task = asyncio.create_task(_run(self.app, scope, receive, responses.send))
        done, _ = await asyncio.wait({task}, timeout=self.seconds)
        if done or responses.started:
            await task
            return
        responses.dropped = True
        self.late.add(task)
        task.add_done_callback(self._note_end)
        logger.warning(
            "%s %s timed out with 504 after %g s, as on Azure. The function continues.",
            scope["method"],
            scope["path"],
            self.seconds,
        )
        await Response(TIMED_OUT, HTTPStatus.GATEWAY_TIMEOUT, media_type="text/html")(scope, receive, send)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self.late.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.warning("A request that had timed out with 504 failed with %s.", type(error).__name__)


@dataclass
class _Responses:
    """The responses to the caller. Everything after the 504 is dropped."""

    onward: Send
    started: bool = False
    dropped: bool = False

    async def send(self, message: Message) -> None:
        if not self.dropped:
            self.started = True
            await self.onward(message)


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


@dataclass(frozen=True)
class LoopbackOnly:
    """The ASGI app of a host that only serves requests for its own machine's names.

    A page of a name that an attacker points to 127.0.0.1 (DNS rebinding) reads and posts as if it came from here. Only
    the Host header reveals it.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request that names this machine, and refuse any other with 421."""
        hosts = Headers(scope=scope).getlist("host")
        is_named = len(hosts) == 1 and LOOPBACK.fullmatch(hosts[0])
        # HTTP/1.0 doesn't have a Host header, but every browser sends one.
        if is_named or (not hosts and scope["http_version"] == "1.0"):
            await self.app(scope, receive, send)
            return
        logger.warning("%s %s refused with 421: its Host header names another machine.", scope["method"], scope["path"])
        await PlainTextResponse(MISDIRECTED, HTTPStatus.MISDIRECTED_REQUEST)(scope, receive, send)
