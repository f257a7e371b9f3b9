"""App management policies: restrictions on the credentials of applications."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from sandbox.application import Application
from sandbox.directory import ManagementPolicy
from sandbox.graph.call import Call
from sandbox.graph.errors import bad_request, not_found

READ: Final = (
    "Policy.Read.All",
    "Policy.Read.ApplicationConfiguration",
    "Policy.ReadWrite.ApplicationConfiguration",
)
WRITE: Final = ("Policy.ReadWrite.ApplicationConfiguration",)
_DEFAULT: Final = "policies/defaultAppManagementPolicy"
_POLICIES: Final = "policies/appManagementPolicies"
_FIELDS: Final = ("displayName", "description", "isEnabled", "restrictions")


def get_default(call: Call) -> Response:
    """GET /policies/defaultAppManagementPolicy."""
    return call.entity(_DEFAULT, call.azure.directory.default_policies[call.tenant_id])


def patch_default(call: Call) -> Response:
    """PATCH /policies/defaultAppManagementPolicy."""
    policy = call.azure.directory.default_policies[call.tenant_id]
    fields = ("isEnabled", "applicationRestrictions", "servicePrincipalRestrictions")
    policy.update(_named(call.body, fields))
    return call.done()


def list_all(call: Call) -> Response:
    """GET /policies/appManagementPolicies."""
    return call.collection(_POLICIES, [_shape(policy) for policy in _visible(call)])


def create(call: Call) -> Response:
    """POST /policies/appManagementPolicies."""
    empty: dict[str, Any] = {"displayName": None, "description": None, "isEnabled": False, "restrictions": {}}
    policy = ManagementPolicy(str(uuid.uuid4()), call.tenant_id, {**empty, **_named(call.body, _FIELDS)})
    if not policy.body["displayName"]:
        raise bad_request("A value is required for property 'displayName' of resource 'AppManagementPolicy'.")
    call.azure.directory.policies[policy.id] = policy
    return call.entity(_POLICIES, _shape(policy), 201)


def get(call: Call) -> Response:
    """GET /policies/appManagementPolicies/{id}."""
    return call.entity(_POLICIES, _shape(_find(call, call.request.path_params["id"])))


def patch(call: Call) -> Response:
    """PATCH /policies/appManagementPolicies/{id}."""
    _find(call, call.request.path_params["id"]).body.update(_named(call.body, _FIELDS))
    return call.done()


def applies_to(call: Call) -> Response:
    """GET /policies/appManagementPolicies/{id}/appliesTo."""
    policy = _find(call, call.request.path_params["id"])
    apps = [a for a in call.azure.directory.applications.values() if a.id in policy.applies_to]
    entities = [
        {
            "@odata.type": "#microsoft.graph.application",
            "id": app.id,
            "appId": app.app_id,
            "displayName": app.display_name,
        }
        for app in apps
    ]
    return call.collection("directoryObjects", entities)


def assigned(call: Call, app: Application) -> Response:
    """GET /applications/{id}/appManagementPolicies."""
    policies = [policy for policy in _visible(call) if app.id in policy.applies_to]
    return call.collection(_POLICIES, [_shape(policy) for policy in policies])


def assign(call: Call, app: Application) -> Response:
    """POST /applications/{id}/appManagementPolicies/$ref."""
    policy = _find(call, str(call.body.get("@odata.id", "")).rpartition("/")[2])
    if any(app.id in other.applies_to for other in _visible(call)):
        raise bad_request("A policy is already assigned to the application; it can have one only.")
    policy.applies_to.append(app.id)
    return call.done()


def _find(call: Call, policy_id: str) -> ManagementPolicy:
    policy = call.azure.directory.policies.get(policy_id.lower())
    if policy is None or policy.tenant_id != call.tenant_id:
        raise not_found(policy_id)
    return policy


def _visible(call: Call) -> list[ManagementPolicy]:
    return [p for p in call.azure.directory.policies.values() if p.tenant_id == call.tenant_id]


def _shape(policy: ManagementPolicy) -> dict[str, Any]:
    return {"id": policy.id, "deletedDateTime": None, **policy.body}


def _named(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in names if name in body}
