"""One call of Graph: its caller, its parameters and the format of its response."""

import base64
import inspect
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.clouds import CLOUDS, place_of
from sandbox.graph.errors import CHALLENGE, GraphError, bad_request, error_response, request_headers
from sandbox.graph.object_size import check_size
from sandbox.names import GRAPH_APP_ID
from sandbox.service import not_in_the_sandbox
from sandbox.tokens import InvalidTokenError

_PAGE: Final = 100  # entries, and at most 999 with $top (learn.microsoft.com/graph/paging)
_MOST: Final = 999
_JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


class NotInTheSandboxError(Exception):
    """Graph supports this, but the sandbox doesn't."""


@dataclass(frozen=True)
class Call:
    """A call that is authenticated and authorized."""

    azure: Azure
    request: Request
    claims: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def tenant_id(self) -> str:
        """The tenant of the caller's token."""
        return str(self.claims["tid"])

    @property
    def host(self) -> str:
        """The called host."""
        return self.request.url.hostname or CLOUDS[0].graph

    @property
    def version(self) -> str:
        """v1.0 or beta."""
        return self.request.url.path.split("/")[1]

    @property
    def select(self) -> tuple[str, ...]:
        """The properties that the caller selects. Empty means all."""
        return tuple(name.strip() for name in self.request.query_params.get("$select", "").split(",") if name)

    def context(self, fragment: str) -> str:
        """Return the address in `@odata.context`."""
        return f"https://{self.host}/{self.version}/$metadata#{fragment}"

    def entity(self, fragment: str, entity: Mapping[str, Any], status: int = 200) -> Response:
        """Return a response with one object."""
        chosen = f"({','.join(self.select)})" if self.select else ""
        context = self.context(f"{fragment}{chosen}/$entity")
        return self.respond({"@odata.context": context, **self.selected(entity)}, status)

    def collection(self, fragment: str, entities: Collection[Mapping[str, Any]]) -> Response:
        """Return one page of a list of objects, with the link to the next page if there is one."""
        chosen = f"({','.join(self.select)})" if self.select else ""
        first, size = self._place()
        value = [self.selected(entity) for entity in [*entities][first : first + size]]
        body: dict[str, Any] = {"@odata.context": self.context(f"{fragment}{chosen}")}
        if first + size < len(entities):
            body["@odata.nextLink"] = self._next(first + size)
        return self.respond({**body, "value": value})

    def _place(self) -> tuple[int, int]:
        """Return the start of the requested page, and its number of entries."""
        query = self.request.query_params
        top = query.get("$top", str(_PAGE))
        if not top.isdecimal() or not 1 <= int(top) <= _MOST:
            raise bad_request(f"Invalid page size specified: '{top}'. Must be between 1 and {_MOST} inclusive.")
        try:
            first = int(base64.urlsafe_b64decode(query["$skiptoken"])) if "$skiptoken" in query else 0
        except ValueError as error:
            message = "The specified page token value has expired and can no longer be included in your request."
            raise GraphError(400, "Directory_ExpiredPageToken", message) from error
        return max(first, 0), int(top)

    def _next(self, first: int) -> str:
        token = base64.urlsafe_b64encode(str(first).encode()).decode()
        query = urlencode({**self.request.query_params, "$skiptoken": token}, safe="$,()'", quote_via=quote)
        return f"https://{self.host}{self.request.url.path}?{query}"

    def selected(self, entity: Mapping[str, Any]) -> dict[str, Any]:
        """Return the selected properties of `entity`."""
        if unknown := [name for name in self.select if name not in entity]:
            raise bad_request(f"Could not find a property named '{unknown[0]}' on the type.")
        return {name: entity[name] for name in self.select} or dict(entity)

    def respond(self, body: Mapping[str, Any], status: int = 200) -> Response:
        """Return a response with a body."""
        headers = {**request_headers(self.request), "odata-version": "4.0", "content-type": _JSON}
        return JSONResponse(body, status, headers)

    def change(self, app: Application) -> None:
        """Replace the application of the same `app_id`.

        Raises:
            GraphError: 403. The application has become too large.
        """
        check_size(app)
        self.azure.directory.change(app, self.azure.clock.now())

    def done(self) -> Response:
        """Return a 204 response without a body."""
        return Response(status_code=204, headers=request_headers(self.request))


Handler = Callable[[Call], Response | Awaitable[Response]]


def operation(azure: Azure, needs: Collection[str], handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for callers with at least one of the permissions `needs`."""

    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            claims = _claims(azure, request)
            _check_permission(claims, needs)
            result = handle(Call(azure, request, claims, _body(raw)))
            return await result if inspect.isawaitable(result) else result
        except GraphError as error:
            return error_response(error, request, azure.clock.now())
        except NotInTheSandboxError:
            return not_in_the_sandbox(request)

    return endpoint


def _claims(azure: Azure, request: Request) -> dict[str, Any]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.", {"www-authenticate": CHALLENGE})
    place = place_of(request.url.hostname or "")
    cloud = place.cloud if place else CLOUDS[0]
    try:
        return azure.tokens.check(token, frozenset({cloud.graph_audience, GRAPH_APP_ID}))
    except InvalidTokenError as error:
        message = (
            "Lifetime validation failed, the token is expired."
            if error.expired
            else f"Access token validation failure. {error.reason}"
        )
        raise GraphError(401, "InvalidAuthenticationToken", message, {"www-authenticate": CHALLENGE}) from error


def _check_permission(claims: Mapping[str, Any], needs: Collection[str]) -> None:
    granted = {*claims.get("roles", []), *str(claims.get("scp", "")).split()}
    if needs and not granted.intersection(needs):
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _body(raw: bytes) -> dict[str, Any]:
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise GraphError(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set "
            "and payload is of valid JSON format.",
        ) from error
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    return body
