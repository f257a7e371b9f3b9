"""The control address, with which a test or a developer controls the sandbox."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.arm.site import Function
from sandbox.azure import Azure
from sandbox.cipp.migration import STEPS, MigrationError
from sandbox.faults import InvalidFaultError, read_faults
from sandbox.moment import moment
from sandbox.options import InvalidOptionsError, Options, read_options
from sandbox.restored import InvalidStateError, restore
from sandbox.seed import direct_tenants
from sandbox.server import Server
from sandbox.tables.cipps_tables import CippsTables
from sandbox.user_token import user_token

_CENTURY: Final = 3_155_760_000  # seconds


class _InvalidBodyError(Exception):
    """The body of a control call is not valid. The message states why."""


class _Control:
    """The calls of the control address. `make` seeds a new Azure."""

    def __init__(self, server: Server, make: Callable[[Options], Azure], cipps: CippsTables) -> None:
        self._server = server
        self._make = make
        self._cipps = cipps

    async def state(self, request: Request) -> Response:
        await self._server.catch_up()
        if request.method == "POST":
            restore(self._server.azure, await _body(request))
        return JSONResponse(snapshot(self._server.azure))

    async def reset(self, request: Request) -> Response:
        options = read_options(await _body(request))
        await self._server.azure.cipp.end()
        await asyncio.to_thread(self._cipps.make, direct_tenants(options), self._server.writes)
        self._cipps.has_seeded_config = options.shape == "container" or bool(options.timezone)
        self._server.reset(self._make(options))
        await self._server.catch_up()
        return JSONResponse(snapshot(self._server.azure))

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            self._server.replace_faults(read_faults(await _body(request)))
        return JSONResponse({"faults": [{"seen": fault.seen, "held": fault.held} for fault in self._server.faults]})

    async def clock(self, request: Request) -> Response:
        self._server.azure.clock.advance(_advance(await _body(request)))
        await self._server.catch_up()
        return JSONResponse({"now": moment(self._server.azure.clock.now())})

    async def registry(self, request: Request) -> Response:
        tag, version = _moved_tag(await _body(request))
        azure = self._server.azure
        azure.registry.move(tag, version, azure.clock.now())
        return JSONResponse({"registry": azure.registry.snapshot()})

    async def migrate(self, request: Request) -> Response:
        await self._server.migrate(_stop_after(await _body(request)))
        self._cipps.has_seeded_config = True
        return JSONResponse(snapshot(self._server.azure))

    async def hosts(self, request: Request) -> Response:
        name, address, functions = _host(await _body(request))
        site = self._server.azure.arm.sites.get(name.lower())
        if site is None:
            raise _InvalidBodyError(f"The app {name} does not exist.")
        site.host = address
        site.functions = tuple(Function(one, tuple(bindings), "python") for one, bindings in functions.items())
        return JSONResponse({"functions": len(site.functions)})

    async def token(self, request: Request) -> Response:
        return user_token(self._server.azure, request)

    async def calls(self, request: Request) -> Response:
        tables = request.query_params.get("tables") == "true"
        return JSONResponse([call.as_json() for call in self._server.calls if tables or not call.is_by_key])


def control(server: Server, make: Callable[[Options], Azure], cipps: CippsTables) -> ASGIApp:
    """Return the control address. `make` seeds a new Azure. The managed identity responds beside it."""
    calls = _Control(server, make, cipps)

    async def invalid(request: Request, error: Exception) -> Response:
        del request
        return JSONResponse({"error": str(error)}, status_code=400)

    app = Starlette(
        routes=[
            Route("/sandbox/state", calls.state, methods=["GET", "POST"]),
            Route("/sandbox/reset", calls.reset, methods=["POST"]),
            Route("/sandbox/faults", calls.faults, methods=["GET", "POST"]),
            Route("/sandbox/clock", calls.clock, methods=["POST"]),
            Route("/sandbox/registry", calls.registry, methods=["POST"]),
            Route("/sandbox/migrate", calls.migrate, methods=["POST"]),
            Route("/sandbox/hosts", calls.hosts, methods=["POST"]),
            Route("/sandbox/calls", calls.calls),
            Route("/sandbox/token/{user}", calls.token),
        ],
        exception_handlers={
            _InvalidBodyError: invalid,
            InvalidFaultError: invalid,
            InvalidOptionsError: invalid,
            InvalidStateError: invalid,
            MigrationError: invalid,
        },
    )

    async def control_or_identity(scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["path"].startswith("/sandbox/")
        await (app if ours else server)(scope, receive, send)

    return control_or_identity


def snapshot(azure: Azure) -> dict[str, Any]:
    """Return everything that the sandbox stores, as `/sandbox/state` shows it."""
    return {
        "now": moment(azure.clock.now()),
        "vaults": {name: vault.snapshot() for name, vault in azure.vaults.items()},
        **azure.directory.snapshot(),
        **azure.arm.snapshot(),
        "registry": azure.registry.snapshot(),
        "cipp": azure.cipp.shown(azure),
    }


async def _body(request: Request) -> object:
    raw = await request.body()
    try:
        return json.loads(raw or b"{}")
    except ValueError as error:
        raise _InvalidBodyError(f"The body is not JSON: {error}.") from error


def _stop_after(body: object) -> int | None:
    """Return the last step of the script, None to prepare it."""
    if isinstance(body, dict) and body.keys() == {"prepare"} and body["prepare"] is True:
        return None
    step = body.get("stop_after", STEPS[-1]) if isinstance(body, dict) and body.keys() <= {"stop_after"} else 0
    if isinstance(step, bool) or step not in STEPS:
        raise _InvalidBodyError(
            f'The body must be {{"prepare": true}} or {{"stop_after": n}}, n from {STEPS[0]} to {STEPS[-1]}.'
        )
    return int(step)


def _moved_tag(body: object) -> tuple[str, str]:
    if not isinstance(body, dict) or body.keys() != {"tag", "version"} or not all(map(_is_tag, body.values())):
        raise _InvalidBodyError('The body must be {"tag": "latest", "version": "10.8.6"}.')
    return body["tag"], body["version"]


def _host(body: object) -> tuple[str, str, dict[str, list[dict[str, Any]]]]:
    if not isinstance(body, dict) or body.keys() != {"site", "url", "functions"}:
        raise _InvalidBodyError('The body must be {"site": "x", "url": "http://127.0.0.1:7071", "functions": {}}.')
    if not str(body["url"]).startswith("http://127.0.0.1:") or not isinstance(body["functions"], dict):
        raise _InvalidBodyError("A host runs on 127.0.0.1, and functions is an object.")
    return str(body["site"]), str(body["url"]), body["functions"]


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.+-]{1,128}", value) is not None


def _advance(body: object) -> float:
    if not isinstance(body, dict) or body.keys() != {"advance_seconds"}:
        raise _InvalidBodyError('The body must be {"advance_seconds": n}.')
    seconds = body["advance_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _CENTURY:
        raise _InvalidBodyError("advance_seconds must be a number from 0 to a century. The clock can't go back.")
    return float(seconds)
