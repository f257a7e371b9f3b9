"""One process that serves an app: uvicorn, the functions' routes, the timers."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.host.admin import Admin
from sandbox.host.front_end import REQUEST_SECONDS, LoopbackOnly, RequestLimit
from sandbox.host.http_functions import HttpFunctions
from sandbox.host.sign_in import SignIn
from sandbox.host.timers import Timer, keep


class _Server(uvicorn.Server):
    """Stops at the first signal. Azure also kills its worker without waiting for running functions."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = self.force_exit = True


@dataclass(frozen=True)
class Host:
    """Everything that one process serves."""

    http: HttpFunctions
    admin: Admin
    timers: Sequence[Timer]
    sign_in_role: str
    request_seconds: float = REQUEST_SECONDS

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve until a signal arrives."""
        functions = RequestLimit(SignIn(self.http, self.sign_in_role), self.request_seconds)
        app = LoopbackOnly(Starlette(routes=[*self.admin.routes(), Mount("/", app=functions)]))
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none")
        running = [asyncio.create_task(keep(timer, self.admin.invoker)) for timer in self.timers]
        await _Server(config).serve(sockets)
        for task in running:
            task.cancel()
