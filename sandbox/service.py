"""What all services of the sandbox share: their routes, and a 501 response to calls that they don't implement."""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, request_response
from starlette.types import ASGIApp

_log = logging.getLogger("sandbox")


def route(
    path: str, endpoint: Callable[[Request], Awaitable[Response]], *methods: str, ignore_case: bool = False
) -> Route:
    """Return a route. Each reset makes hundreds of them, so a path is compiled once for the process."""
    made = copy(_compiled(path, methods, ignore_case=ignore_case))
    made.endpoint, made.app = endpoint, request_response(endpoint)
    return made


def not_in_the_sandbox(request: Request) -> Response:
    """Return 501 for a call that the sandbox does not implement, in Azure's error format, and log it."""
    what = f"{request.method} {request.url.hostname}{request.url.path}"
    _log.warning("not in the sandbox: %s", what)
    return JSONResponse(
        {
            "error": {
                "code": "NotImplementedInSandbox",
                "message": f"The CIPP Backend sandbox, which is not Azure, does not know {what}.",
            }
        },
        status_code=501,
        headers={"x-sandbox": "cipp-backend"},
    )


def service(routes: Sequence[BaseRoute]) -> ASGIApp:
    """Return a service that responds with 501 to unknown routes and methods."""

    async def unknown(request: Request, _error: Exception) -> Response:
        return not_in_the_sandbox(request)

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return app


@cache
def _compiled(path: str, methods: tuple[str, ...], *, ignore_case: bool) -> Route:
    made = Route(path, _unused, methods=methods)
    if ignore_case:
        made.path_regex = re.compile(made.path_regex.pattern, re.IGNORECASE)
    return made


async def _unused(request: Request) -> Response:
    return not_in_the_sandbox(request)
