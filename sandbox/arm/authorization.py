"""Roles, role assignments and the caller's permissions: read, create and remove them."""

import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.access import Role, RoleAssignment, is_within
from sandbox.arm.call import Call
from sandbox.arm.errors import refused
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
            "principalType": "User" if assignment.principal_id == names.ADMIN_ID else "ServicePrincipal",
            "scope": assignment.scope,
            "condition": None,
            "conditionVersion": None,
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
    message = f"The specified role definition with ID '{name}' does not exist."
    raise refused(404, "RoleDefinitionDoesNotExist", message)


def _put_assignment(call: Call) -> Response:
    """Assign a role to a principal. The same assignment under another name is refused."""
    access, given, scope = call.arm.access, call.properties, _scope(call)
    role = _named(call, str(given.get("roleDefinitionId", "")).rpartition("/")[2])
    principal, name = str(given.get("principalId", "")).lower(), call.params["name"].lower()
    if any(a.id != name and (a.principal_id, a.role, a.scope) == (principal, role, scope) for a in access.assignments):
        raise refused(409, "RoleAssignmentExists", "The role assignment already exists.")
    access.assignments = [a for a in access.assignments if a.id != name]
    made = RoleAssignment(name, principal, role, scope, call.now.isoformat().replace("+00:00", "Z"))
    access.assignments.append(made)
    return JSONResponse(_assignment(call, made), 201)


def _delete_assignment(call: Call) -> Response:
    access, name = call.arm.access, call.params["name"].lower()
    taken = next((a for a in access.assignments if a.id == name and a.scope.lower() == _scope(call).lower()), None)
    if taken is None:
        return Response(status_code=204)
    access.assignments.remove(taken)
    return JSONResponse(_assignment(call, taken))


def _put_role(call: Call) -> Response:
    """Create a role, or change an existing custom role. Its name must be unused."""
    access, given, name = call.arm.access, call.properties, call.params["name"].lower()
    title, permissions = str(given.get("roleName", "")), given.get("permissions") or [{}]
    if any(role.id != name and role.name.lower() == title.lower() for role in access.roles()):
        raise refused(
            409, "RoleDefinitionWithSameNameExists", f"A custom role with the same name already exists: '{title}'."
        )
    parts = {"actions": "actions", "notActions": "not_actions"}
    parts |= {"dataActions": "data_actions", "notDataActions": "not_data_actions"}
    lists: dict[str, Any] = {field: tuple(permissions[0].get(wire) or ()) for wire, field in parts.items()}
    access.custom_roles[name] = Role(
        name,
        title,
        str(given.get("description") or ""),
        **lists,
        assignable_scopes=tuple(given.get("assignableScopes") or ()),
        custom=True,
    )
    return JSONResponse(_role(call, access.custom_roles[name]), 201)


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
    Operation("GET", f"{_HERE}/roleDefinitions/{{name}}", _get_role, listing=True),
)
