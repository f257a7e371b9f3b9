"""The checks of Azure Resource Manager before a provider gets a call, in their order."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.arm.authentication import Caller, authenticate, check_tenant
from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, not_authorized, refused
from sandbox.arm.headers import Allowance, count, finish, kind_of
from sandbox.arm.locks import check_locks
from sandbox.arm.target import Target, target_of
from sandbox.arm.versions import check_version
from sandbox.clouds import CLOUDS, Cloud, place_of
from sandbox.service import route

if TYPE_CHECKING:
    import re

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
        self._operations: list[tuple[re.Pattern[str], Operation]] = []

    def route(self, operation: Operation) -> Route:
        """Return a route that matches its path case-insensitively, as Azure does with IDs."""

        async def endpoint(request: Request) -> Response:
            return self._respond(operation, request, await request.body())

        made = route(operation.path, endpoint, operation.method, ignore_case=True)
        self._operations.append((made.path_regex, operation))
        made.methods = {operation.method}  # without the HEAD that is added to every GET
        return made

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
        given = _Given(dict(request.path_params), request.query_params, body)
        call = self._permit(operation, target, _SignedIn(caller, cloud), given)
        _check_media_type(request, body)
        return call

    def _permit(self, operation: Operation, target: Target, signed_in: "_SignedIn", given: "_Given") -> Call:
        """Check the subscription, the caller's tenant and permissions, and the locks."""
        azure, caller, params = self._azure, signed_in.caller, given.params
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
        check_locks(azure.arm.locks, operation.method, target)
        perform = _Inner(self, signed_in)
        now = azure.clock.now()
        return Call(azure, signed_in.cloud, caller, target, now, params, given.query, given.body, perform)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the operation for a call, and the names in its path."""
        for pattern, operation in self._operations:
            if operation.method == method and (match := pattern.match(path)):
                return operation, match.groupdict()
        return None

    def perform(self, signed_in: "_SignedIn", method: str, path: str, version: str, body: object) -> Response:
        """Make a call that belongs to another one, such as the write of one resource of a deployment."""
        found = self.find(method, path)
        if found is None:
            message = f"The CIPP Backend sandbox, which is not Azure, does not know {method} {path}."
            return refused(501, "NotImplementedInSandbox", message).response()
        operation, params = found
        target = target_of(method, path)
        raw = b"" if body is None else json.dumps(body).encode()
        try:
            check_version(version, target.provider, target.type)
            return operation.handler(
                self._permit(operation, target, signed_in, _Given(params, QueryParams({"api-version": version}), raw))
            )
        except ArmError as error:
            return error.response()


@dataclass(frozen=True)
class _Given:
    """What a call gives: the names in its path, its query and its body."""

    params: dict[str, str]
    query: QueryParams
    body: bytes


@dataclass(frozen=True)
class _SignedIn:
    """A caller, in one cloud."""

    caller: Caller
    cloud: Cloud


@dataclass(frozen=True)
class _Inner:
    """The calls that belong to another one, for the same caller."""

    gateway: Gateway
    signed_in: _SignedIn

    def __call__(self, method: str, path: str, version: str, body: object) -> Response:
        return self.gateway.perform(self.signed_in, method, path, version, body)

    def knows(self, method: str, path: str) -> bool:
        return self.gateway.find(method, path) is not None


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
