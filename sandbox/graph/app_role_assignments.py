"""App roles of applications that users, groups and service principals have: list, assign and remove them."""

import uuid
from collections.abc import Iterable
from typing import Any, Final

from starlette.responses import Response

from sandbox.directory import AppRoleAssignment, ServicePrincipal
from sandbox.graph.call import Call
from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.rights import check_owner, is_administrator, is_delegated
from sandbox.graph.tenant_objects import app_roles_of, find_principal
from sandbox.moment import moment
from sandbox.names import GRAPH_APP_ID
from sandbox.permissions import GRAPH_APP_ROLES

ASSIGN: Final = ("AppRoleAssignment.ReadWrite.All",)
_DEFAULT: Final = str(uuid.UUID(int=0))  # access without a role


def assigned_to(call: Call) -> Response:
    """GET /servicePrincipals/{id}/appRoleAssignedTo: which roles of this app are assigned."""
    resource = find_principal(call)
    found = [one for one in _all(call) if one.resource_id == resource.id]
    return call.collection(f"servicePrincipals('{resource.id}')/appRoleAssignedTo", _shapes(call, found))


def assignments_of(call: Call) -> Response:
    """GET /servicePrincipals/{id}/appRoleAssignments: which roles this app has."""
    principal = find_principal(call)
    found = [one for one in _all(call) if one.principal_id == principal.id]
    return call.collection(f"servicePrincipals('{principal.id}')/appRoleAssignments", _shapes(call, found))


def assign(call: Call) -> Response:
    """POST .../appRoleAssignedTo and .../appRoleAssignments."""
    directory, place = call.azure.directory, find_principal(call)
    principal, resource_id, role = (
        str(call.body.get(name, "")).lower() for name in ("principalId", "resourceId", "appRoleId")
    )
    if place.id not in (principal, resource_id):
        raise bad_request("The principalId or the resourceId must be the object in the path.")
    resource = next((one for one in directory.service_principals if one.id == resource_id), None)
    if resource is None or resource.tenant_id != call.tenant_id:
        raise not_found(resource_id)
    if not directory.knows(principal):
        raise not_found(principal)
    _check_right(call, resource)
    known = {one["id"] for one in app_roles_of(call, resource) if one.get("isEnabled", True)}
    if role not in known and not (role == _DEFAULT and not known):
        raise bad_request("Permission being assigned was not found on application")
    if any((one.principal_id, one.resource_id, one.role_id) == (principal, resource_id, role) for one in _all(call)):
        raise bad_request("Permission being assigned already exists on the object")
    made = AppRoleAssignment(role, principal, resource_id, call.azure.clock.now())
    directory.role_assignments.append(made)
    if resource.app_id == GRAPH_APP_ID:
        directory.grant(principal, next(name for name, known_id in GRAPH_APP_ROLES.items() if known_id == role))
    return call.respond({"@odata.context": call.context("appRoleAssignments/$entity"), **_shape(call, made)}, 201)


def remove(call: Call) -> Response:
    """DELETE .../appRoleAssignedTo/{assignment} and .../appRoleAssignments/{assignment}."""
    directory, wanted = call.azure.directory, call.request.path_params["assignment"]
    found = next((one for one in _all(call) if one.id == wanted), None)
    if found is None:
        raise not_found(wanted)
    resource = next(one for one in directory.service_principals if one.id == found.resource_id)
    _check_right(call, resource)
    directory.role_assignments = [one for one in directory.role_assignments if one.id != wanted]
    if resource.app_id == GRAPH_APP_ID:
        name = next(name for name, known_id in GRAPH_APP_ROLES.items() if known_id == found.role_id)
        directory.take(found.principal_id, name)
    return call.done()


def _check_right(call: Call, resource: ServicePrincipal) -> None:
    """Accept the caller if it may assign roles of this app. Owners may, but Microsoft Graph has none."""
    if is_delegated(call) and not is_administrator(call):
        check_owner(call, resource.owners)


def _all(call: Call) -> list[AppRoleAssignment]:
    """Return all assignments, with those that the seed grants as roles of Microsoft Graph."""
    directory = call.azure.directory
    stored = {(one.principal_id, one.role_id) for one in directory.role_assignments}
    mine = [one for one in directory.service_principals if one.tenant_id == call.tenant_id]
    graph = next(one for one in mine if one.app_id == GRAPH_APP_ID)
    seeded = [
        AppRoleAssignment(GRAPH_APP_ROLES[role], one.id, graph.id, None, id=str(uuid.uuid5(uuid.UUID(one.id), role)))
        for one in mine
        for role in one.roles
        if (one.id, GRAPH_APP_ROLES[role]) not in stored
    ]
    return [*seeded, *directory.role_assignments]


def _shapes(call: Call, found: Iterable[AppRoleAssignment]) -> list[dict[str, Any]]:
    return [_shape(call, one) for one in found]


def _shape(call: Call, one: AppRoleAssignment) -> dict[str, Any]:
    directory = call.azure.directory
    principals = {principal.id: principal for principal in directory.service_principals}
    person, group = directory.people.persons.get(one.principal_id), directory.people.groups.get(one.principal_id)
    holder = principals.get(one.principal_id) or person or group
    kind = "User" if person else "Group" if group else "ServicePrincipal"
    return {
        "id": one.id,
        "deletedDateTime": None,
        "appRoleId": one.role_id,
        "createdDateTime": moment(one.created) if one.created else None,
        "principalDisplayName": holder.display_name if holder else None,
        "principalId": one.principal_id,
        "principalType": kind,
        "resourceDisplayName": principals[one.resource_id].display_name,
        "resourceId": one.resource_id,
    }
