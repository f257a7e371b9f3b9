"""What the routes of the sign-in service share: the form of a request, its host, and the refusal."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from sandbox.azure import Azure
from sandbox.clouds import CLOUDS, Cloud, place_of
from sandbox.entra.errors import EntraError, error_response


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of the request's form."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def refused(error: EntraError, request: Request, azure: Azure) -> Response:
    """Return the response for a refusal."""
    host, _ = place_at(request)
    return error_response(error, host, request.headers.get("client-request-id"), azure.clock.now())


def place_at(request: Request) -> tuple[str, Cloud]:
    """Return the host of the request, and its cloud."""
    host = request.url.hostname or CLOUDS[0].login
    place = place_of(host)
    return host, place.cloud if place else CLOUDS[0]
