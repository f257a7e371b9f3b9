"""Custom roles and their assignments: a custom role grants exactly its actions."""

from typing import Any
from uuid import uuid4

import pytest

from sandbox import names
from tests.support.admin import OURS, ROLES_API, SUBSCRIPTION, Admin
from tests.support.sandbox.arm import GROUP, SITE, Arm
from tests.support.sandbox_client import Sandbox

ROLES = "providers/Microsoft.Authorization"
DEFINITION = f"{GROUP}/{ROLES}/roleDefinitions/3c9a1d52-7e4b-4f80-9b6d-2a5c8e1f7034"


@pytest.fixture
def owner(sandbox: Sandbox) -> Admin:
    sandbox.reset()
    owner = Admin(sandbox)
    owner.take_roles()
    return owner


def definition(*actions: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON may hold
    permissions = [{"actions": list(actions), "notActions": []}]
    return {
        "properties": {
            "roleName": "CIPP Backend read",
            "description": "x",
            "type": "CustomRole",
            "permissions": permissions,
            "assignableScopes": [GROUP],
            **more,
        }
    }


def assignment(role: str = DEFINITION, principal: str = OURS, kind: str | None = "ServicePrincipal") -> dict[str, Any]:
    given = {"roleDefinitionId": role, "principalId": principal}
    return {"properties": given | ({"principalType": kind} if kind else {})}


def new_name(scope: str = GROUP) -> str:
    return f"{scope}/{ROLES}/roleAssignments/{uuid4()}"


def code(owner: Admin, method: str, path: str, body: object = None) -> tuple[int, str]:
    answer = owner.web.request(
        method, f"https://management.azure.com{path}", json=body, params={"api-version": ROLES_API}
    )
    return answer.status_code, answer.json()["error"]["code"]


def may(sandbox: Sandbox, method: str, path: str) -> bool:
    return Arm(sandbox).call(method, path).status_code != 403


def test_custom_role_grants_exactly_its_actions(owner: Admin, sandbox: Sandbox) -> None:
    owner.call("PUT", DEFINITION, ROLES_API, definition("Microsoft.Web/sites/read"))
    owner.call("PUT", new_name(), ROLES_API, assignment())
    assert may(sandbox, "GET", SITE)
    assert not may(sandbox, "GET", f"{SITE}/config/web")
    assert not may(sandbox, "POST", f"{SITE}/restart")


def test_change_of_a_custom_role_changes_what_its_assignments_grant(owner: Admin, sandbox: Sandbox) -> None:
    owner.call("PUT", DEFINITION, ROLES_API, definition("Microsoft.Web/sites/read"))
    owner.call("PUT", new_name(), ROLES_API, assignment())
    owner.call("PUT", DEFINITION, ROLES_API, definition("Microsoft.Web/sites/restart/Action"))
    assert not may(sandbox, "GET", SITE)
    assert may(sandbox, "POST", f"{SITE}/restart")


def test_role_is_assigned_only_within_its_assignable_scopes(owner: Admin) -> None:
    owner.call("PUT", DEFINITION, ROLES_API, definition("*/read"))
    expected = (400, "RoleAssignmentScopeNotAssignableToRoleDefinition")
    assert code(owner, "PUT", new_name(SUBSCRIPTION), assignment()) == expected
    owner.call("PUT", new_name(SITE), ROLES_API, assignment())


def test_role_definition_is_refused_with_the_reason(owner: Admin) -> None:
    bad_name = f"{GROUP}/{ROLES}/roleDefinitions/read"
    assert code(owner, "PUT", bad_name, definition("*/read")) == (400, "InvalidRoleDefinitionId")
    nowhere = definition("*/read", assignableScopes=[])
    assert code(owner, "PUT", DEFINITION, nowhere) == (400, "MissingAssignableScopes")
    owner.call("PUT", DEFINITION, ROLES_API, definition("*/read"))
    other = f"{GROUP}/{ROLES}/roleDefinitions/{uuid4()}"
    assert code(owner, "PUT", other, definition("*/read")) == (409, "RoleDefinitionWithSameNameExists")


def test_role_definition_needs_permission_in_every_assignable_scope(owner: Admin, sandbox: Sandbox) -> None:
    owner.give_role("User Access Administrator", GROUP)
    wide = definition("*/read", assignableScopes=[GROUP, SUBSCRIPTION])
    refused = Arm(sandbox).call("PUT", DEFINITION, wide, version=ROLES_API)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert f"over scope '{SUBSCRIPTION}'" in refused.json()["error"]["message"]
    assert Arm(sandbox).call("PUT", DEFINITION, definition("*/read"), version=ROLES_API).status_code == 201


def test_administrator_of_assignments_defines_no_roles(owner: Admin, sandbox: Sandbox) -> None:
    owner.give_role("Role Based Access Control Administrator", GROUP)
    assert not may_define(sandbox)
    owner.give_role("User Access Administrator", GROUP)
    assert may_define(sandbox)


def may_define(sandbox: Sandbox) -> bool:
    return Arm(sandbox).call("PUT", DEFINITION, definition("*/read"), version=ROLES_API).status_code == 201


def test_assigned_role_is_not_deleted(owner: Admin) -> None:
    owner.call("PUT", DEFINITION, ROLES_API, definition("*/read"))
    name = new_name()
    owner.call("PUT", name, ROLES_API, assignment())
    assert code(owner, "DELETE", DEFINITION) == (400, "RoleDefinitionHasAssignments")
    owner.call("DELETE", name, ROLES_API)
    owner.call("DELETE", DEFINITION, ROLES_API)
    assert code(owner, "GET", DEFINITION) == (404, "RoleDefinitionDoesNotExist")


def test_assignment_is_refused_with_the_reason(owner: Admin) -> None:
    owner.call("PUT", DEFINITION, ROLES_API, definition("*/read"))
    unknown = str(uuid4())
    bad_name = f"{GROUP}/{ROLES}/roleAssignments/one"
    assert code(owner, "PUT", bad_name, assignment()) == (400, "InvalidRoleAssignmentId")
    assert code(owner, "PUT", new_name(), assignment(principal=unknown, kind=None)) == (400, "PrincipalNotFound")
    owner.call("PUT", new_name(), ROLES_API, assignment(principal=unknown))
    name = new_name()
    owner.call("PUT", name, ROLES_API, assignment())
    owner.call("PUT", name, ROLES_API, assignment())
    assert code(owner, "PUT", new_name(), assignment()) == (409, "RoleAssignmentExists")
    other = assignment(principal=names.MAIN_PRINCIPAL_ID)
    assert code(owner, "PUT", name, other) == (400, "RoleAssignmentUpdateNotPermitted")


def test_new_role_and_assignment_arrive_after_the_lag(sandbox: Sandbox) -> None:
    sandbox.reset(role_lag_seconds=60)
    owner = Admin(sandbox)
    owner.take_roles()
    owner.call("PUT", DEFINITION, ROLES_API, definition("Microsoft.Web/sites/read"))
    assert code(owner, "PUT", new_name(), assignment()) == (404, "RoleDefinitionDoesNotExist")
    sandbox.advance(61)
    owner.call("PUT", DEFINITION, ROLES_API, definition("Microsoft.Web/sites/read"))
    owner.call("PUT", new_name(), ROLES_API, assignment())
    assert not may(sandbox, "GET", SITE)
    sandbox.advance(61)
    assert may(sandbox, "GET", SITE)
