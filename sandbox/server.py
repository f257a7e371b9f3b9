"""The one server behind the proxy: it records every call, applies faults and forwards it."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import identity
from sandbox.arm.app import app as arm_app
from sandbox.azure import Azure
from sandbox.buffered_response import BufferedResponse, buffered_response_of
from sandbox.calls import Call, shown, text
from sandbox.cipp.migration import migrate, prepare
from sandbox.clouds import CLOUDS, Place, place_of
from sandbox.connection import connection_of
from sandbox.container.face import face_app, site_of
from sandbox.edits import edited_json
from sandbox.entra.app import app as entra_app
from sandbox.faults import Fault
from sandbox.flex.front import front_app
from sandbox.flex.scm import scm_app
from sandbox.graph.app import app as graph_app
from sandbox.key_vault.app import app as vault_app
from sandbox.late_effects import LateEffects
from sandbox.refusals import refusal
from sandbox.registry.app import blobs_app, registry_app
from sandbox.service import not_in_the_sandbox
from sandbox.small_pages import keep_page, page_request
from sandbox.tables.app import app as tables_app
from sandbox.tables.app import by_key_app
from sandbox.tables.azurite_tables import AzuriteTables
from sandbox.tables.rows import Rows
from sandbox.tables.shared_key import is_by_key

IDENTITY_PATH: Final = "/msi/token"
_TABLES: Final = Place(CLOUDS[0], "tables")
_log = logging.getLogger("sandbox")


class Server:
    """Serves every host of Azure, and stores what a reset clears."""

    def __init__(self, azure: Azure, identity_header: str, tables: AzuriteTables) -> None:
        self._identity_header = identity_header
        self._tables = tables
        self._rows = Rows(tables)
        self._held_back: list[asyncio.Event] = []
        self._late_effects = LateEffects()
        self.faults: list[Fault] = []
        self.reset(azure)

    @property
    def writes(self) -> Mapping[str, int]:
        """How many calls changed each of the tables, by lower-case name."""
        return dict(self._tables.writes)

    def reset(self, azure: Azure) -> None:
        """Start over with another Azure, without calls and faults. Pending late effects are dropped."""
        self.azure = azure
        self._late_effects.cancel()
        self.calls: list[Call] = []
        self.replace_faults([])
        self._apps: dict[str, ASGIApp] = {}
        self._makers: dict[str, Callable[[], ASGIApp]] = {
            "arm": lambda: arm_app(azure),
            "vault": lambda: vault_app(azure),
            "graph": lambda: graph_app(azure),
            "entra": lambda: entra_app(azure),
            "tables": lambda: tables_app(azure, self._tables),
            "tables by key": lambda: by_key_app(azure, self._tables),
            "registry": lambda: registry_app(azure),
            "blobs": lambda: blobs_app(azure),
            "site": lambda: front_app(azure, face_app(azure)),
            "scm": lambda: scm_app(azure),
        }
        self._identity = identity.app(azure, self._identity_header)

    def replace_faults(self, faults: list[Fault]) -> None:
        """Plant other faults. The calls that the previous faults held continue."""
        for call in self._held_back:
            call.set()
        self._held_back = []
        self.faults = faults

    async def catch_up(self) -> None:
        """Apply every refused request whose late effect is due, and let CIPP do what it does by now."""

        async def handle(scope: Scope, body: bytes) -> None:
            await self._handle(scope, body, _place(scope))

        await self._late_effects.happen(self.azure.clock.now, handle)
        await self.azure.cipp.catch_up(self.azure, self._rows)

    async def migrate(self, stop_after: int | None) -> None:
        """Run CIPP's migration script up to a step. With None, set up the sign-in that it requires.

        Raises:
            MigrationError: The script refuses.
        """
        await self.catch_up()
        if stop_after is None:
            await prepare(self.azure, self._rows)
        else:
            await migrate(self.azure, self._rows, stop_after)
        await self.catch_up()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call: read the whole body, then send the response."""
        # msgraph-sdk really requests /v1.0//applications, and Graph accepts it.
        scope["path"] = re.sub("//+", "/", scope["path"])
        request = Request(scope, receive)
        body = await request.body()
        call = _call(request, body)
        self.calls.append(call)
        await self.catch_up()
        azure = self.azure
        fault = self._fault(call)
        if fault is not None and fault.mode == "hang":
            await _wait_for_the_end(receive)
            return
        if fault is not None and fault.mode == "drop-before":
            connection_of(scope).cut()
            await _wait_for_the_end(receive)
            return
        if fault is not None and fault.mode == "hold":
            await self._hold(fault)
        await asyncio.sleep(_latency(azure, call.host, _place(scope)))
        await self.catch_up()
        response = await self._outcome(fault, scope, body)
        call.answered(response.status, response.headers, response.body)
        if fault is not None and fault.mode == "drop-after":
            connection_of(scope).cut()
            await _wait_for_the_end(receive)
            return
        await response.send(send)

    async def _outcome(self, fault: Fault | None, scope: Scope, body: bytes) -> BufferedResponse:
        """Apply the call as far as the fault allows, and return the response with its changes."""
        azure, place = self.azure, _place(scope)
        now = azure.clock.now()
        if fault is not None and fault.mode == "refuse-then-do":
            self._late_effects.add(now + timedelta(seconds=fault.after_seconds), scope, body)
        planted = fault.answer if fault is not None else None
        if planted is not None:
            response = planted.buffered()
        elif fault is not None and fault.mode in ("refuse", "refuse-then-do"):
            refuses = _TABLES if is_by_key(scope["scheme"], scope["path"]) else place
            response = BufferedResponse(refusal(refuses, fault, scope["method"], scope["path"], now))
        else:
            response = await self._page(scope, body, place)
        if fault is not None:
            altered = fault.alter.of(response.body, azure.tokens) if fault.mode == "alter" else response.body
            altered = edited_json(altered, fault.edits)
            if altered != response.body:
                response.replace(altered)
        if planted is None or "date" not in planted.headers:
            response.headers["date"] = format_datetime(azure.clock.now(), usegmt=True)
        return response

    async def _page(self, scope: Scope, body: bytes, place: Place | None) -> BufferedResponse:
        """Apply the call. Lists are split into pages of the size that the reset set."""
        size = self.azure.options.page_size
        if not size:
            return await self._handle(scope, body, place)
        is_table = is_by_key(scope["scheme"], scope["path"]) or (place is not None and place.plane == "tables")
        seen, first = page_request(scope, size, is_table=is_table)
        response = await self._handle(seen, body, place)
        if not is_table and response.status == 200:
            keep_page(response, seen, first, size)
        return response

    async def _hold(self, fault: Fault) -> None:
        """Wait until the faults are replaced. The call still takes effect if its client gives up."""
        others_came = asyncio.Event()
        self._held_back.append(others_came)
        fault.held += 1
        await others_came.wait()

    def _fault(self, call: Call) -> Fault | None:
        # Every matching fault counts the call, including those after the one that applies.
        # A call of the tables by key counts only for a fault that names its host: the host is not one of Azure's.
        faults = [fault for fault in self.faults if not call.is_by_key or fault.host == call.host]
        struck = [
            fault for fault in faults if fault.strikes(call.method, call.host, call.path, call.request_body or "")
        ]
        return struck[0] if struck else None

    async def _handle(self, scope: Scope, body: bytes, place: Place | None) -> BufferedResponse:
        try:
            return await buffered_response_of(self._app(scope, place), scope, body)
        except Exception:  # noqa: BLE001 - a bug in the sandbox fails one call only
            _log.exception("the sandbox failed on %s %s", scope["method"], scope["path"])
            return BufferedResponse(Response("The sandbox failed. For the cause, see its log.", 500))

    def _app(self, scope: Scope, place: Place | None) -> ASGIApp:
        if (
            place is not None
            and place.plane in self._makers
            and (place.vault is None or place.vault in self.azure.vaults)
        ):
            return self._made(place.plane)
        if place is None and scope["scheme"] == "https" and site_of(self.azure, _host(scope)[0]):
            return self._made("site")
        if place is None and scope["scheme"] == "http" and scope["path"] == IDENTITY_PATH:
            return self._identity
        if place is None and is_by_key(scope["scheme"], scope["path"]):
            return self._made("tables by key")
        return not_in_the_sandbox(Request(scope))

    def _made(self, name: str) -> ASGIApp:
        """Return a service of this Azure. It is made at its first call: many resets come before any."""
        if name not in self._apps:
            self._apps[name] = self._makers[name]()
        return self._apps[name]


def _place(scope: Scope) -> Place | None:
    """Return the service behind the called host, or None for a plain HTTP call."""
    name, _, _ = _host(scope)
    return place_of(name) if scope["scheme"] == "https" else None


def _host(scope: Scope) -> tuple[str, str, str]:
    return Headers(scope=scope).get("host", "").lower().partition(":")


def _call(request: Request, body: bytes) -> Call:
    name, colon, port = _host(request.scope)
    host = name if port in ("443", "80") else f"{name}{colon}{port}"
    raw_path = request.scope["raw_path"].decode("latin-1")
    query = request.url.query
    return Call(
        method=request.method,
        host=name,
        path=request.scope["path"],
        url=f"{request.scope['scheme']}://{host}{raw_path}" + (f"?{query}" if query else ""),
        request_headers=shown(request.headers),
        request_body=text(body),
    )


def _latency(azure: Azure, host: str, place: Place | None) -> float:
    seconds = azure.options.latency_seconds
    if host in seconds:
        return seconds[host]
    return seconds.get("vault", 0.0) if place is not None and place.plane == "vault" else 0.0


async def _wait_for_the_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
