"""Roles, who has them, and what the caller may do."""

import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.access import ROLES, Role, RoleAssignment, is_within
from sandbox.arm.call import Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation

_HERE: Final = "/{scope:path}/providers/Microsoft.Authorization"


def _permission(role: Role) -> dict[str, Any]:
    return {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": [],
    }


def _role(call: Call, role: Role) -> dict[str, Any]:
    times = {"createdOn": "2015-02-02T21:55:09.8806423Z", "updatedOn": "2023-05-25T18:28:21.4461337Z"}
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
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
    mine = [
        _permission(a.role)
        for a in call.arm.access.assignments
        if a.principal_id == call.caller.object_id and is_within(_scope(call), a.scope)
    ]
    return JSONResponse({"value": mine, "nextLink": None})


def _assignments(call: Call) -> Response:
    """List those that hold at the scope, and those below it unless the filter says atScope()."""
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
    found = [_role(call, r) for r in ROLES if name is None or name[1].lower() == r.name.lower()]
    return JSONResponse({"value": found})


def _get_role(call: Call) -> Response:
    for role in ROLES:
        if role.id == call.params["name"].lower():
            return JSONResponse(_role(call, role))
    message = f"The specified role definition with ID '{call.params['name']}' does not exist."
    raise refused(404, "RoleDefinitionDoesNotExist", message)


def _scope(call: Call) -> str:
    return f"/{call.params['scope']}"


OPERATIONS: Final = (
    Operation("GET", f"{_HERE}/permissions", _permissions, listing=True),
    Operation("GET", f"{_HERE}/roleAssignments", _assignments),
    Operation("GET", f"{_HERE}/roleAssignments/{{name}}", _get_assignment),
    Operation("GET", f"{_HERE}/roleDefinitions", _roles, listing=True),
    Operation("GET", f"{_HERE}/roleDefinitions/{{name}}", _get_role, listing=True),
)
