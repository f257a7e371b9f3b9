"""The calls for resources that the sandbox stores as given: list, show, write and delete."""

from collections.abc import Callable
from typing import Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import refused, resource_not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.plain_resource import KINDS, PlainResource, UserAssignedIdentity
from sandbox.directory import ServicePrincipal


def _list(kind: type[PlainResource]) -> Callable[[Call], Response]:
    def handle(call: Call) -> Response:
        found = call.visible(r for r in call.arm.plain.values() if isinstance(r, kind))
        return JSONResponse({"value": [resource.shown(call.arm.tenant_id) for resource in found]})

    return handle


def _get(kind: type[PlainResource]) -> Callable[[Call], Response]:
    def handle(call: Call) -> Response:
        return JSONResponse(_find(call, kind).shown(call.arm.tenant_id))

    return handle


def _put(kind: type[PlainResource]) -> Callable[[Call], Response]:
    def handle(call: Call) -> Response:
        group, name, body = call.group(), call.params["name"], call.body
        location = body.get("location")
        if not isinstance(location, str) or not location:
            raise refused(400, "LocationRequired", "The location property is required for this definition.")
        resource = kind(
            subscription_id=call.arm.subscription_id, group=group.name, name=name, location=location.lower(), body=body
        )
        known = call.arm.plain.get(resource.id.lower())
        if known is not None and known.region != resource.region:
            raise refused(
                409,
                "InvalidResourceLocation",
                f"The resource '{name}' already exists in location '{known.location}' in resource group "
                f"'{group.name}'. A resource with the same name cannot be created in location '{location}'. Please "
                "select a new resource name.",
            )
        resource.kind, resource.tags = body.get("kind"), body.get("tags") or {}
        call.arm.plain[resource.id.lower()] = resource
        if isinstance(resource, UserAssignedIdentity):
            call.azure.directory.add(principals=[_principal(resource, call.arm.tenant_id)])
        return JSONResponse(resource.shown(call.arm.tenant_id), 200 if known else 201)

    return handle


def _delete(kind: type[PlainResource]) -> Callable[[Call], Response]:
    def handle(call: Call) -> Response:
        wanted = f"{call.group().id}/providers/{kind.type}/{call.params['name']}".lower()
        return Response(status_code=200 if call.arm.plain.pop(wanted, None) else 204)

    return handle


def _find(call: Call, kind: type[PlainResource]) -> PlainResource:
    name = call.params["name"]
    found = call.arm.plain.get(f"{call.group().id}/providers/{kind.type}/{name}".lower())
    if found is None:
        raise resource_not_found(kind.type, name, call.params["group"])
    return found


def _principal(identity: UserAssignedIdentity, tenant_id: str) -> ServicePrincipal:
    return ServicePrincipal(
        app_id=identity.client_id,
        tenant_id=tenant_id,
        display_name=identity.name,
        id=identity.principal_id,
        type="ManagedIdentity",
    )


def _operations(kind: type[PlainResource]) -> tuple[Operation, ...]:
    here = f"providers/{kind.type}"
    return (
        Operation("GET", f"{SUBSCRIPTION}/{here}", _list(kind), listing=True),
        Operation("GET", f"{GROUP}/{here}", _list(kind), listing=True),
        Operation("GET", f"{GROUP}/{here}/{{name}}", _get(kind)),
        Operation("PUT", f"{GROUP}/{here}/{{name}}", _put(kind)),
        Operation("DELETE", f"{GROUP}/{here}/{{name}}", _delete(kind)),
    )


OPERATIONS: Final = tuple(operation for kind in KINDS for operation in _operations(kind))
