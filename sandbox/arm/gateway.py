"""The checks of Azure Resource Manager before a provider gets a call, in their order."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.arm.authentication import authenticate, check_tenant
from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, not_authorized, refused
from sandbox.arm.headers import Allowance, count, finish, kind_of
from sandbox.arm.target import Target, target_of
from sandbox.arm.versions import check_version
from sandbox.clouds import CLOUDS, place_of

if TYPE_CHECKING:
    from sandbox.azure import Azure

Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Operation:
    """One method on one path. `{names}` in the path become the call's `params`."""

    method: str
    path: str
    handler: Handler
    listing: bool = False  # lists what the caller may read, without a permission on the whole scope
    anyone: bool = False  # requires only a token
    metered: bool = False  # counted by the provider, not by the gateway


class Gateway:
    """Creates routes from operations."""

    def __init__(self, azure: "Azure") -> None:
        self._azure = azure
        self._allowance = Allowance()

    def route(self, operation: Operation) -> Route:
        """Return a route that matches its path case-insensitively, as Azure does with IDs."""

        async def endpoint(request: Request) -> Response:
            return self._respond(operation, request, await request.body())

        route = Route(operation.path, endpoint, methods=[operation.method])
        route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
        route.methods = {operation.method}  # without the HEAD that is added to every GET
        return route

    def _respond(self, operation: Operation, request: Request, body: bytes) -> Response:
        now = self._azure.clock.now()
        target = target_of(request.method, request.url.path)
        provider = (target.provider or "").lower() or None
        try:
            call = self._admit(operation, request, target, body)
        except ArmError as error:
            response = error.response()
            finish(response, request, now, None)
            return _without_body(response, request)
        try:
            response = operation.handler(call)
        except ArmError as error:
            response = error.response()
            provider = None if error.gateway else provider
        finish(response, request, now, provider)
        if operation.listing and target.provider and "group" not in call.params:
            response.headers["x-ms-original-request-ids"] = str(uuid.uuid4())  # it queries each provider's region
        if response.status_code != 404:
            kind = kind_of(request.method)
            left = self._allowance.take(call.caller.object_id, kind, now)
            count(response, kind, left, of_the_resource=operation.metered)
        return _without_body(response, request)

    def _admit(self, operation: Operation, request: Request, target: Target, body: bytes) -> Call:
        """Check api-version, token, subscription, media type and permissions, in this order."""
        azure = self._azure
        check_version(request.query_params.get("api-version"), target.provider, target.type)
        place = place_of(request.url.hostname or "")
        cloud = place.cloud if place else CLOUDS[0]
        caller = authenticate(request, azure.tokens, cloud, azure.tenant_id)
        params = dict(request.path_params)
        if "subscription" in params:
            _check_subscription(params["subscription"], azure.subscription_id)
            check_tenant(caller, azure.tenant_id)
        access = azure.arm.access
        may = (
            operation.anyone
            or (operation.listing and access.sees(caller.object_id, target.scope.partition("/providers")[0]))
            or access.allows(caller.object_id, target.action, target.scope)
        )
        if not may:
            raise not_authorized(caller.client_id, caller.object_id, target.action, target.scope)
        _check_media_type(request, body)
        return Call(azure, cloud, caller, target, azure.clock.now(), params, request.query_params, body)


def _check_subscription(given: str, known: str) -> None:
    try:
        uuid.UUID(given)
    except ValueError as error:
        message = f"The provided subscription identifier '{given}' is malformed or invalid."
        raise refused(400, "InvalidSubscriptionId", message) from error
    if given.lower() != known:
        raise refused(404, "SubscriptionNotFound", f"The subscription '{given}' could not be found.")


def _check_media_type(request: Request, body: bytes) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type not in ("application/json", "text/json"):
        raise refused(
            415,
            "UnsupportedMediaType",
            f"The content media type '{media_type or '<null>'}' is not supported. "
            "Only 'application/json' is supported.",
        )


def _without_body(response: Response, request: Request) -> Response:
    if request.method != "HEAD":
        return response
    headers = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
    return Response(status_code=response.status_code, headers=headers)
