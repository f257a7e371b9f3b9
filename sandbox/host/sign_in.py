"""The sign-in of App Service, as a browser sees it: `/.auth/login/aad`, `/.auth/me`, `/.auth/logout`, and a cookie.

The host has no Microsoft Entra ID, so the sign-in always succeeds, with the role that the host was started with. Two
rules of App Service hold for requests with the cookie. The session replaces a principal that the caller sends. A POST
from a browser must name this host as its origin or referrer. Documented in "Authentication and authorization in Azure
App Service", section "Cross-site request forgery mitigation". Not run against real Azure.
"""

import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.host import principal

COOKIE: Final = "AppServiceAuthSession"
PREFIX: Final = "/.auth/"
LOGIN: Final = "/.auth/login/aad"
ME: Final = "/.auth/me"
LOGOUT: Final = "/.auth/logout"
_DONE: Final = {
    "/.auth/login/done": "You have successfully signed in.",
    "/.auth/logout/complete": "You have been signed out.",
}
FOREIGN: Final = "Couldn't serve this request: it has a session cookie, and no origin or referrer of this host."
_BROWSER: Final = "Mozilla/"
_AFTER_A_NOBODY: Final = "superadmin"


@dataclass(frozen=True)
class SignIn:
    """The ASGI app in front of the functions. `role` is that of the person who signs in."""

    app: ASGIApp
    role: str
    sessions: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the sign-in, and forward all other requests with the principal of their session."""
        request = Request(scope)
        if request.url.path.lower().startswith(PREFIX):
            await self._own(request)(scope, receive, send)
            return
        if self._is_signed_in(request):
            if request.method == "POST" and _is_browser(request) and not _is_from_this_host(request):
                await PlainTextResponse(FOREIGN, HTTPStatus.FORBIDDEN)(scope, receive, send)
                return
            MutableHeaders(scope=scope)[principal.HEADER] = principal.principal(self.role) or ""
        await self.app(scope, receive, send)

    def _own(self, request: Request) -> Response:
        path = request.url.path.lower().rstrip("/")
        if path in _DONE:
            return PlainTextResponse(_DONE[path])
        if path == LOGIN:
            return self._login(request)
        if path == ME:
            return self._me(request)
        if path == LOGOUT:
            return self._logout(request)
        return Response(status_code=HTTPStatus.NOT_FOUND)

    def _login(self, request: Request) -> Response:
        session = secrets.token_urlsafe()
        self.sessions.add(session)
        response = RedirectResponse(_local(request, "post_login_redirect_uri", "/.auth/login/done"), HTTPStatus.FOUND)
        response.set_cookie(COOKIE, session, httponly=True, samesite="lax")
        return response

    def _logout(self, request: Request) -> Response:
        self.sessions.discard(request.cookies.get(COOKIE, ""))
        to = _local(request, "post_logout_redirect_uri", "/.auth/logout/complete")
        response = RedirectResponse(to, HTTPStatus.FOUND)
        response.delete_cookie(COOKIE)
        return response

    def _me(self, request: Request) -> Response:
        if not self._is_signed_in(request):
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        return JSONResponse([{"provider_name": "aad", "user_id": f"{self.role}@localhost", "user_claims": []}])

    def _is_signed_in(self, request: Request) -> bool:
        return request.cookies.get(COOKIE, "") in self.sessions


def role_of_sign_in(role: str) -> str:
    """Return the role of the person who signs in on a host that is started as `role`."""
    return _AFTER_A_NOBODY if role == principal.NOBODY else role


def _local(request: Request, parameter: str, otherwise: str) -> str:
    """Return the path that a parameter names. App Service redirects to no other site, unless it is configured."""
    to = request.query_params.get(parameter, "")
    is_path = to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if is_path else otherwise


def _is_browser(request: Request) -> bool:
    return request.headers.get("user-agent", "").startswith(_BROWSER)


def _is_from_this_host(request: Request) -> bool:
    """Return whether the origin or the referrer is an address of this host."""
    named = (request.headers.get("origin"), request.headers.get("referer"))
    return any(urlsplit(one).netloc == request.headers.get("host") for one in named if one)
