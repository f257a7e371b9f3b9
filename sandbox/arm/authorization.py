"""Roles, role assignments and the caller's permissions: read, create and remove them."""

import re
import uuid
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.access import Role, RoleAssignment, is_within
from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, not_authorized, refused
from sandbox.arm.gateway import Operation

_HERE: Final = "/{scope:path}/providers/Microsoft.Authorization"


def _permission(role: Role) -> dict[str, Any]:
    return {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": list(role.not_data_actions),
    }


def _role(call: Call, role: Role) -> dict[str, Any]:
    times = {"createdOn": "2015-02-02T21:55:09.8806423Z", "updatedOn": "2023-05-25T18:28:21.4461337Z"}
    return {
        "properties": {
            "roleName": role.name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [_permission(role)],
            **times,
            "createdBy": None,
            "updatedBy": None,
        },
        "id": _role_id(call, role),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    }


def _role_id(call: Call, role: Role) -> str:
    home = f"/subscriptions/{call.arm.subscription_id}"
    return f"{home}/providers/Microsoft.Authorization/roleDefinitions/{role.id}"


def _assignment(call: Call, assignment: RoleAssignment) -> dict[str, Any]:
    return {
        "properties": {
            "roleDefinitionId": _role_id(call, assignment.role),
            "principalId": assignment.principal_id,
            "principalType": "User" if assignment.principal_id == names.ADMIN_ID else assignment.principal_type,
            "scope": assignment.scope,
            "condition": assignment.condition,
            "conditionVersion": "2.0" if assignment.condition else None,
            "createdOn": assignment.created,
            "updatedOn": assignment.created,
            "createdBy": names.ADMIN_ID,
            "updatedBy": names.ADMIN_ID,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": f"{assignment.scope}/providers/Microsoft.Authorization/roleAssignments/{assignment.id}",
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.id,
    }


def _permissions(call: Call) -> Response:
    mine = call.arm.access.roles_of(call.caller.object_id, _scope(call))
    return JSONResponse({"value": [_permission(role) for role in mine], "nextLink": None})


def _assignments(call: Call) -> Response:
    """List the assignments that apply at the scope. Include those below it, unless the filter is atScope()."""
    scope, wanted = _scope(call), call.query.get("$filter", "")
    principal = re.search(r"(?:principalId\s+eq\s+|assignedTo\()'([^']+)'", wanted, re.IGNORECASE)
    below = "atscope()" not in wanted.lower()
    found = [
        _assignment(call, a)
        for a in call.arm.access.assignments
        if (is_within(scope, a.scope) or (below and is_within(a.scope, scope)))
        and (principal is None or principal[1].lower() == a.principal_id)
    ]
    return JSONResponse({"value": found})


def _get_assignment(call: Call) -> Response:
    for assignment in call.arm.access.assignments:
        if assignment.id == call.params["name"].lower():
            return JSONResponse(_assignment(call, assignment))
    message = f"The role assignment '{call.params['name']}' is not found."
    raise refused(404, "RoleAssignmentNotFound", message)


def _roles(call: Call) -> Response:
    name = re.search(r"roleName\s+eq\s+'([^']+)'", call.query.get("$filter", ""), re.IGNORECASE)
    found = [r for r in call.arm.access.roles() if name is None or name[1].lower() == r.name.lower()]
    return JSONResponse({"value": [_role(call, r) for r in found]})


def _get_role(call: Call) -> Response:
    return JSONResponse(_role(call, _named(call, call.params["name"])))


def _named(call: Call, name: str) -> Role:
    for role in call.arm.access.roles():
        if role.id == name.lower():
            return role
    raise _unknown_role(name)


def _unknown_role(name: str) -> ArmError:
    message = f"The specified role definition with ID '{name}' does not exist."
    return refused(404, "RoleDefinitionDoesNotExist", message)


def _put_assignment(call: Call) -> Response:
    """Assign a role to a principal. The same assignment under another name is refused."""
    access, given, scope = call.arm.access, call.properties, _scope(call)
    name = _guid(call.params["name"], "InvalidRoleAssignmentId", "role assignment")
    role = _named(call, str(given.get("roleDefinitionId", "")).rpartition("/")[2])
    if not access.has_arrived(role):
        raise _unknown_role(role.id)
    principal = str(given.get("principalId", "")).lower()
    if role.custom and not any(is_within(scope, one) for one in role.assignable_scopes):
        raise refused(
            400,
            "RoleAssignmentScopeNotAssignableToRoleDefinition",
            f"The role assignment scope '{scope}' must match the assignable scopes of the role definition '{role.id}'.",
        )
    if not given.get("principalType") and not call.azure.directory.knows(principal):
        raise _principal_not_found(principal, call.arm.tenant_id)
    known = next((a for a in access.assignments if a.id == name), None)
    if known is not None and (known.principal_id, known.scope.lower()) != (principal, scope.lower()):
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise refused(400, "RoleAssignmentUpdateNotPermitted", message)
    if any(a.id != name and (a.principal_id, a.role, a.scope) == (principal, role, scope) for a in access.assignments):
        raise refused(409, "RoleAssignmentExists", "The role assignment already exists.")
    access.assignments = [a for a in access.assignments if a.id != name]
    kind, condition = str(given.get("principalType") or "ServicePrincipal"), str(given.get("condition") or "") or None
    made = RoleAssignment(name, principal, role, scope, call.now.isoformat().replace("+00:00", "Z"), kind, condition)
    access.assignments.append(made)
    return JSONResponse(_assignment(call, made), 201)


def _guid(text: str, code: str, what: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise refused(400, code, f"The {what} ID '{text}' is not valid. The {what} ID must be a GUID.") from error


def _principal_not_found(principal: str, tenant_id: str) -> ArmError:
    return refused(
        400,
        "PrincipalNotFound",
        f"Principal {principal.replace('-', '')} does not exist in the directory {tenant_id}. Check that you have the "
        "correct principal ID. If you are creating this principal and then immediately assigning a role, this error "
        "might be related to a replication delay. In this case, set the role assignment principalType property to a "
        "value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    )


def _delete_assignment(call: Call) -> Response:
    access, name = call.arm.access, call.params["name"].lower()
    taken = next((a for a in access.assignments if a.id == name and a.scope.lower() == _scope(call).lower()), None)
    if taken is None:
        return Response(status_code=204)
    access.assignments.remove(taken)
    return JSONResponse(_assignment(call, taken))


def _put_role(call: Call) -> Response:
    """Create a role, or change an existing custom role. Its name must be unused.

    Requires the permission to write role definitions in every assignable scope.
    """
    access, given = call.arm.access, call.properties
    name = _guid(call.params["name"], "InvalidRoleDefinitionId", "role definition")
    title, permissions = str(given.get("roleName", "")), given.get("permissions") or [{}]
    scopes = tuple(map(str, given.get("assignableScopes") or ()))
    if not scopes:
        raise refused(400, "MissingAssignableScopes", "The role definition must have at least one assignable scope.")
    right = "Microsoft.Authorization/roleDefinitions/write"
    for scope in scopes:
        if not access.allows(call.caller.object_id, right, scope):
            raise not_authorized(call.caller.client_id, call.caller.object_id, right, scope)
    if any(role.id != name and role.name.lower() == title.lower() for role in access.roles()):
        raise refused(
            409, "RoleDefinitionWithSameNameExists", f"A custom role with the same name already exists: '{title}'."
        )
    parts = {"actions": "actions", "notActions": "not_actions"}
    parts |= {"dataActions": "data_actions", "notDataActions": "not_data_actions"}
    lists: dict[str, Any] = {field: tuple(permissions[0].get(wire) or ()) for wire, field in parts.items()}
    role = Role(name, title, str(given.get("description") or ""), **lists, assignable_scopes=scopes, custom=True)
    access.define(role)
    return JSONResponse(_role(call, role), 201)


def _delete_role(call: Call) -> Response:
    access, name = call.arm.access, call.params["name"].lower()
    if any(assignment.role.id == name for assignment in access.assignments):
        message = f"There are existing role assignments referencing role (code: {name})."
        raise refused(400, "RoleDefinitionHasAssignments", message)
    role = access.custom_roles.pop(name, None)
    return Response(status_code=204) if role is None else JSONResponse(_role(call, role))


def _scope(call: Call) -> str:
    return f"/{call.params['scope']}"


OPERATIONS: Final = (
    Operation("GET", f"{_HERE}/permissions", _permissions, listing=True),
    Operation("GET", f"{_HERE}/roleAssignments", _assignments),
    Operation("GET", f"{_HERE}/roleAssignments/{{name}}", _get_assignment),
    Operation("PUT", f"{_HERE}/roleAssignments/{{name}}", _put_assignment),
    Operation("DELETE", f"{_HERE}/roleAssignments/{{name}}", _delete_assignment),
    Operation("GET", f"{_HERE}/roleDefinitions", _roles, listing=True),
    Operation("PUT", f"{_HERE}/roleDefinitions/{{name}}", _put_role),
    Operation("DELETE", f"{_HERE}/roleDefinitions/{{name}}", _delete_role),
    Operation("GET", f"{_HERE}/roleDefinitions/{{name}}", _get_role, listing=True),
)
