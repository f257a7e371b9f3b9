"""Serve the HTTP functions: in order of name, the first whose route and method match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from azure.functions.decorators.function_app import Function
from azure.functions.decorators.http import HttpTrigger
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.host import request as incoming
from sandbox.host.index import methods_of, name_of, route_of
from sandbox.host.invoker import InvocationFailedError, Invoker
from sandbox.host.response import response
from sandbox.host.route import RouteTemplate, parse

BODY_LIMIT_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
BODY_LIMIT_BYTES = 104_857_600


@dataclass(frozen=True)
class Route:
    """One HTTP function and its route."""

    function: Function
    template: RouteTemplate
    methods: frozenset[str]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the route's values, or None if the method or the path doesn't match."""
        if self.methods and method not in self.methods:
            return None
        return self.template.match(path)


def routes_of(functions: Sequence[Function], prefix: str) -> list[Route]:
    """Return the routes in the order in which the host tries them."""
    routes = []
    for function in sorted(functions, key=lambda one: name_of(one).lower()):
        trigger = function.get_trigger()
        if isinstance(trigger, HttpTrigger):
            template = parse("/".join(part for part in (prefix, route_of(trigger)) if part))
            routes.append(Route(function, template, methods_of(trigger)))
    return routes


@dataclass(frozen=True)
class HttpFunctions:
    """The ASGI app of all HTTP functions."""

    routes: Sequence[Route]
    invoker: Invoker
    caller: str | None
    environ: Mapping[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        reply = await self._respond(Request(scope, receive))
        await reply(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = incoming.raw_path(request)
        for route in self.routes:
            values = route.match(request.method, path)
            if values is not None:
                return await self._invoke(route.function, request, values)
        return Response(status_code=HTTPStatus.NOT_FOUND)

    async def _invoke(self, function: Function, request: Request, values: Mapping[str, str]) -> Response:
        length = int(request.headers.get("content-length", 0))
        if length > int(self.environ.get(BODY_LIMIT_SETTING, BODY_LIMIT_BYTES)):
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"})
        # Like the host: a chunked body, which has no length, is not read.
        body = await request.body() if length else b""
        datum = incoming.datum(request, body, values, self.caller)
        reason = f"{request.method} {incoming.raw_path(request)}"
        try:
            result = await self.invoker.invoke(function, datum, reason, incoming.trace(request))
        except InvocationFailedError:
            return Response(status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        return response(result) if result else Response(status_code=HTTPStatus.NO_CONTENT)
