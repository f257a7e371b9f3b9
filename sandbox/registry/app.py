"""The service behind ghcr.io, and the host that has its blobs.

As observed of the registry by its users: anonymous tokens, `Link` with a path, manifests that need a fitting Accept,
blobs behind a redirect. Not verified: the bodies of the refusals for a repository that is private or missing.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.clouds import BLOBS_HOST, REGISTRY_HOST
from sandbox.registry.images import INDEX, NAME, digest_of
from sandbox.service import service

if TYPE_CHECKING:
    from sandbox.azure import Azure

_PAGE: Final = 100
_TWO_SIGNATURES: Final = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>InvalidAuthenticationInfo</Code><Message>Authentication '
    "information is not given in the correct format. Check the value of Authorization header.</Message></Error>"
)
_SCOPE: Final = f"repository:{NAME}:pull"


class _Registry:
    """The calls that read the images of CIPP. Tokens are anonymous."""

    def __init__(self, azure: "Azure") -> None:
        self._azure = azure
        self._issued: set[str] = set()

    async def token(self, request: Request) -> Response:
        if request.query_params.get("scope", "") != _SCOPE:
            return _refused(403, "DENIED", "requested access to the resource is denied")
        self._issued.add(made := f"djE6{secrets.token_urlsafe(40)}")
        return JSONResponse({"token": made})

    async def tags(self, request: Request) -> Response:
        size = request.query_params.get("n", "")
        count = min(int(size), _PAGE) if size.isdecimal() and int(size) else _PAGE
        last = request.query_params.get("last", "")
        shown = [name for name in sorted(self._azure.registry.tags) if name > last]
        page, headers = shown[:count], {}
        if len(shown) > count:
            headers["link"] = f'</v2/{NAME}/tags/list?last={page[-1]}&n={count}>; rel="next"'
        return JSONResponse({"name": NAME, "tags": page}, headers=headers)

    async def manifest(self, request: Request) -> Response:
        found = self._azure.registry.manifest(request.path_params["reference"])
        if found is None:
            return _refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        kind, content = found
        accepted = request.headers.get("accept", "").lower()
        if kind not in accepted and "*/*" not in accepted:
            what, several = ("index", "indexes") if kind == INDEX else ("manifest", "manifests")
            message = f"OCI {what} found, but Accept header does not support OCI {several}"
            return _refused(404, "MANIFEST_UNKNOWN", message)
        headers = {"docker-content-digest": digest_of(content), "docker-distribution-api-version": "registry/2.0"}
        return Response(content, headers=headers, media_type=kind)

    async def blob(self, request: Request) -> Response:
        digest = request.path_params["digest"]
        if self._azure.registry.blob(digest) is None:
            return _refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        there = f"https://{BLOBS_HOST}/ghcr1/blobs/{digest}?se=2027-01-01T00%3A00%3A00Z&sig=sandbox&sp=r&sv=2019-12-12"
        return RedirectResponse(there, 307)

    async def unknown(self, _request: Request) -> Response:
        return _refused(404, "NAME_UNKNOWN", "repository name not known to registry")

    def with_token(self, path: str, respond: Callable[[Request], Awaitable[Response]]) -> Route:
        """Return a route that requires a token of the registry."""

        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and token in self._issued:
                return await respond(request)
            challenge = f'Bearer realm="https://{REGISTRY_HOST}/token",service="{REGISTRY_HOST}",scope="{_SCOPE}"'
            response = _refused(401, "UNAUTHORIZED", "authentication required")
            response.headers["www-authenticate"] = challenge
            return response

        return Route(path, checked, methods=["GET"])


def registry_app(azure: "Azure") -> ASGIApp:
    """Return ghcr.io with the images of `azure`."""
    registry = _Registry(azure)
    return service(
        [
            Route("/token", registry.token, methods=["GET"]),
            registry.with_token("/v2/", registry.unknown),
            registry.with_token(f"/v2/{NAME}/tags/list", registry.tags),
            registry.with_token(f"/v2/{NAME}/manifests/{{reference}}", registry.manifest),
            registry.with_token(f"/v2/{NAME}/blobs/{{digest}}", registry.blob),
            registry.with_token("/v2/{name:path}/tags/list", registry.unknown),
            registry.with_token("/v2/{name:path}/manifests/{reference}", registry.unknown),
        ]
    )


def blobs_app(azure: "Azure") -> ASGIApp:
    """Return the host to which the registry redirects. The link has a signature, and a second one is refused."""

    async def blob(request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(_TWO_SIGNATURES, 400, media_type="application/xml")
        content = azure.registry.blob(request.path_params["digest"])
        if content is None or request.query_params.get("sig") != "sandbox":
            return Response(status_code=404 if content is None else 403)
        return Response(content, media_type="application/octet-stream")

    return service([Route("/ghcr1/blobs/{digest}", blob, methods=["GET"])])


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status)
