"""Service principals: create, create or change by `appId`, and change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from sandbox.directory import ServicePrincipal
from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError, bad_request, not_found
from sandbox.graph.rights import check_owner
from sandbox.graph.tenant_objects import find_principal, principal_shape

_CHANGEABLE: Final = frozenset(
    {"accountEnabled", "appRoleAssignmentRequired", "description", "notes", "preferredSingleSignOnMode", "tags"}
)


def create(call: Call) -> Response:
    """POST /servicePrincipals."""
    principal = _created(call, str(call.body.get("appId", "")), call.body)
    return call.entity("servicePrincipals", principal_shape(call, principal), 201)


def upsert(call: Call) -> Response:
    """PATCH /servicePrincipals(appId='{app_id}'). Creates it if the caller prefers so and it is missing."""
    app_id = call.request.path_params["app_id"]
    known = call.azure.directory.service_principal(app_id, call.tenant_id)
    if known is not None:
        return _change(call, known)
    if "create-if-missing" not in call.request.headers.get("prefer", ""):
        raise not_found(app_id)
    principal = _created(call, app_id, call.body)
    return call.entity("servicePrincipals", principal_shape(call, principal), 201)


def patch(call: Call) -> Response:
    """PATCH /servicePrincipals/{id}."""
    return _change(call, find_principal(call))


def _created(call: Call, app_id: str, body: Mapping[str, Any]) -> ServicePrincipal:
    directory = call.azure.directory
    if directory.service_principal(app_id, call.tenant_id) is not None:
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created, updated, or restored because the service principal name "
            f"{app_id} is already in use.",
        )
    app = directory.applications.get(app_id.lower())
    if app is None:
        raise bad_request(
            f"The appId '{app_id}' of the service principal does not reference a valid application object."
        )
    principal = ServicePrincipal(
        app_id=app.app_id,
        tenant_id=call.tenant_id,
        display_name=app.display_name,
        owners=frozenset({str(call.claims["oid"])}),
    )
    check_owner(call, app.owners)
    principal = _with(principal, body)
    directory.add(principals=[principal])
    return principal


def _change(call: Call, principal: ServicePrincipal) -> Response:
    app = call.azure.directory.applications.get(principal.app_id)
    check_owner(call, principal.owners | (app.owners if app else frozenset()))
    call.azure.directory.add(principals=[_with(principal, call.body)])
    return call.done()


def _with(principal: ServicePrincipal, body: Mapping[str, Any]) -> ServicePrincipal:
    given = {name: value for name, value in body.items() if name != "appId" and not name.startswith("@odata.")}
    if unknown := [name for name in given if name not in _CHANGEABLE]:
        raise bad_request(f"Property '{unknown[0]}' is read-only and cannot be set.")
    return replace(principal, properties={**principal.properties, **given})
