"""What every service of the sandbox has in common: it admits what it does not know."""

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

_log = logging.getLogger("sandbox")


def not_in_the_sandbox(request: Request) -> Response:
    """Answer 501 to what the sandbox does not play, in Azure's error shape, and log it."""
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
    """Build a service whose unknown routes and methods answer 501."""

    async def unknown(request: Request, _error: Exception) -> Response:
        return not_in_the_sandbox(request)

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return app
