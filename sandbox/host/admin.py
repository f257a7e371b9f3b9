"""The host's own endpoints under /admin: run a function now, list functions, status and ping.

Azure requires the master key here. Like `func start`, this host requires no key.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from azure.functions.decorators.function_app import Function
from azure.functions.decorators.utils import StringifyEnumJsonEncoder
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.host import timers
from sandbox.host.index import name_of
from sandbox.host.invoker import Invoker


@dataclass(frozen=True)
class Admin:
    """Serves the host's own endpoints."""

    functions: Sequence[Function]
    timers: Sequence[timers.Timer]
    invoker: Invoker
    started: float = field(default_factory=time.monotonic)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def routes(self) -> list[Route]:
        """Return the routes of these endpoints."""
        return [
            Route("/admin/functions", self.index, methods=["GET"]),
            Route("/admin/functions/{name}", self.run, methods=["POST"]),
            Route("/admin/host/ping", self.ping, methods=["GET", "POST"]),
            Route("/admin/host/status", self.status, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """List the functions that are loaded."""
        return JSONResponse([_described(function, str(request.base_url)) for function in self.functions])

    async def run(self, request: Request) -> Response:
        """Start a function and respond immediately. Its result is in the log."""
        name = request.path_params["name"].lower()
        if not any(name_of(function).lower() == name for function in self.functions):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        timer = next((timer for timer in self.timers if name_of(timer.function).lower() == name), None)
        if timer is None:
            return _refused(f"{request.path_params['name']} is not a timer. Call its own URL.")
        try:
            content = json.loads(await request.body() or b"{}")
        except ValueError:
            return _refused('The body must be JSON: {"input": ""}.')
        if not isinstance(content, dict):
            return _refused('The body must be a JSON object: {"input": ""}.')
        task = asyncio.create_task(timers.run(timer, self.invoker, "admin call"))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def ping(self, _: Request) -> Response:
        """Respond that the host runs."""
        return Response()

    async def status(self, _: Request) -> Response:
        """Respond that all functions are indexed and served."""
        uptime = round((time.monotonic() - self.started) * 1000)
        return JSONResponse({"id": "localhost", "state": "Running", "version": "local", "processUptime": uptime})


def _described(function: Function, base_url: str) -> dict[str, object]:
    name = name_of(function)
    # The library's own encoder, which the worker uses to send the bindings to the host.
    config = json.loads(json.dumps(function.get_bindings_dict(), cls=StringifyEnumJsonEncoder))
    return {
        "name": name,
        "href": f"{base_url}admin/functions/{name}",
        "language": "python",
        "config": {"name": name, **config},
        "isDisabled": False,
    }


def _refused(reason: str) -> Response:
    return PlainTextResponse(reason, HTTPStatus.BAD_REQUEST)
