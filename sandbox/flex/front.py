"""The front end of an app on Flex Consumption: App Service's sign-in, then the app's own host.

A test runs the host, and gives its address to `/sandbox/hosts`. As far as authsettingsV2 of deploy/azuredeploy.json
uses the sign-in, it is as Microsoft documents it: paths that are excluded, `Return401`, and access tokens of the
registration by an allowed client. Without a host, the response is 503. Not run against real Azure.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.clouds import place_of
from sandbox.tokens import InvalidTokenError

if TYPE_CHECKING:
    from sandbox.arm.site import Site
    from sandbox.azure import Azure

_SECONDS: Final = 230
_PRINCIPAL: Final = "x-ms-client-principal"
_NOT_FORWARDED: Final = frozenset({"authorization", "connection", "content-length", "accept-encoding"})
_NOT_RETURNED: Final = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


def front_app(azure: "Azure", others: ASGIApp) -> ASGIApp:
    """Return the function apps on Flex Consumption. `others` responds for every other host."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        place = place_of(request.url.hostname or "")
        site = azure.arm.sites.get((place.site or "") if place else "")
        if site is None or "functionAppConfig" not in site.changed_properties:
            await others(scope, receive, send)
            return
        body = await request.body()
        response = await asyncio.to_thread(_response, azure, site, request, body)
        await response(scope, receive, send)

    return respond


def _response(azure: "Azure", site: "Site", request: Request, body: bytes) -> Response:
    headers = {name: value for name, value in request.headers.items() if not name.startswith(_PRINCIPAL)}
    excluded = site.auth_settings.get("globalValidation", {}).get("excludedPaths") or ()
    if request.url.path not in excluded:
        claims = _claims(azure, site, request)
        if isinstance(claims, int):
            return Response(status_code=claims)
        headers |= {_PRINCIPAL: _principal(claims), f"{_PRINCIPAL}-idp": "aad"}
    if not site.host or site.state != "Running":
        return PlainTextResponse("Function host is not running.", 503)
    return _forwarded(site.host, request, headers, body)


def _claims(azure: "Azure", site: "Site", request: Request) -> Mapping[str, Any] | int:
    """Return the claims of the caller's token, or the status of the refusal."""
    settings = site.auth_settings
    if not settings.get("platform", {}).get("enabled"):
        return 401  # the sandbox has no open app
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    entra = settings.get("identityProviders", {}).get("azureActiveDirectory", {})
    validation = entra.get("validation", {})
    if scheme.lower() != "bearer":
        return 401
    try:
        claims = azure.tokens.check(token, frozenset(validation.get("allowedAudiences") or ()))
    except InvalidTokenError:
        return 401
    allowed = validation.get("defaultAuthorizationPolicy", {}).get("allowedApplications") or ()
    return claims if claims.get("appid") in allowed else 403


def _principal(claims: Mapping[str, Any]) -> str:
    pairs = [
        (name, value) for name, given in claims.items() for value in (given if isinstance(given, list) else [given])
    ]
    listed = [{"typ": name, "val": str(value)} for name, value in pairs]
    shape = {"auth_typ": "aad", "claims": listed, "name_typ": "upn", "role_typ": "roles"}
    return base64.b64encode(json.dumps(shape).encode()).decode()


def _forwarded(host: str, request: Request, headers: Mapping[str, str], body: bytes) -> Response:
    address = urlsplit(host)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_SECONDS)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    try:
        sent = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}
        connection.request(request.method, path, body or None, sent)
        answer = connection.getresponse()
        content = answer.read()
    except OSError:
        return PlainTextResponse("Function host is not running.", 503)
    finally:
        connection.close()
    returned = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_RETURNED}
    return Response(content, answer.status, returned)
