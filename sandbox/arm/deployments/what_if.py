"""What a deployment would change: each resource of the template beside the one that exists."""

from typing import Any, Final

from sandbox.arm.call import Call
from sandbox.arm.deployments.difference import differences
from sandbox.arm.deployments.execution import body_of
from sandbox.arm.deployments.lookups import json_of
from sandbox.arm.deployments.plan import PlannedResource
from sandbox.arm.deployments.prepared import Prepared
from sandbox.arm.deployments.values import plain

_SITES: Final = "microsoft.web/sites"
_POLICIES: Final = "microsoft.keyvault/vaults/accesspolicies"
_CONFIG: Final = "microsoft.web/sites/config"
_UNIDENTIFIED: Final = (
    "Changes to the resource cannot be analyzed because its resource ID or API version cannot be calculated until the "
    "deployment is under way. Please see https://aka.ms/WhatIfUnidentifiableResource for more information."
)
_BY_LIST: Final = ("appsettings", "connectionstrings")


def changes(call: Call, prepared: Prepared) -> list[dict[str, Any]]:
    """Return the change of every resource in the template, and `Ignore` for the other resources of its groups."""
    found = [_change(call, inner, resource) for inner, resource in prepared.everything() if not resource.is_nested]
    groups = {(inner.deployment.scope.group or "").lower() for inner, _ in prepared.everything()}
    changed = {change["resourceId"].lower() for change in found}
    others = [
        {
            "resourceId": other.id,
            "changeType": "Ignore",
            "before": {"id": other.id, "name": other.name, "type": other.type},
        }
        for other in call.arm.resources()
        if other.group.lower() in groups and other.id.lower() not in changed
    ]
    return sorted([*found, *others], key=lambda change: change["resourceId"].lower())


def _change(call: Call, prepared: Prepared, resource: PlannedResource) -> dict[str, Any]:
    body = body_of(resource, plain(prepared.properties.get(resource.id.lower())))
    name = resource.name.rpartition("/")[2]
    written = f"{resource.scope.id}/providers/{resource.type}/{resource.raw['name']}"
    shown = {
        "id": resource.id if resource.identified else written,
        "name": name,
        "type": resource.type,
        "apiVersion": resource.version,
        **plain(body),
    }
    before, problem = _existing(call, resource) if resource.identified else (None, _UNIDENTIFIED)
    if problem:
        return {
            "resourceId": shown["id"],
            "changeType": "Unsupported",
            "unsupportedReason": problem,
        }
    if before is None:
        return {"resourceId": resource.id, "changeType": "Create", "after": shown}
    delta = differences(_comparable(resource, body), _readable(call, resource, before))
    return {
        "resourceId": resource.id,
        "changeType": "Modify" if delta else "NoChange",
        "before": {**before, "apiVersion": resource.version},
        "after": shown,
        "delta": delta,
    }


def _existing(call: Call, resource: PlannedResource) -> tuple[dict[str, Any] | None, str]:
    """Return the resource as it exists, or why it can't be read."""
    kind, method, path = resource.type.lower(), "GET", resource.id
    if kind == _CONFIG and path.lower().endswith(_BY_LIST):
        method, path = "POST", f"{path}/list"
    elif kind == _POLICIES:
        path = path[: path.lower().rindex("/accesspolicies/")]
    response = call.perform(method, path, resource.version, None)
    if response.status_code == 404:
        return None, ""
    if response.status_code != 200:
        error = (json_of(response) or {}).get("error", {})
        return None, error.get("message") or f"It can't be read: {response.status_code}."
    return json_of(response), ""


def _comparable(resource: PlannedResource, body: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a body that Azure shows again. The settings of an app are in no response about the app."""
    properties = body.get("properties")
    if resource.type.lower() != _SITES or not isinstance(properties, dict) or "siteConfig" not in properties:
        return body
    config = {name: value for name, value in properties["siteConfig"].items() if name != "appSettings"}
    return {**body, "properties": {**properties, "siteConfig": config}}


def _readable(call: Call, resource: PlannedResource, before: dict[str, Any]) -> dict[str, Any]:
    """Return an existing resource in the format of its body."""
    kind = resource.type.lower()
    if kind == _SITES:
        config = json_of(call.perform("GET", f"{resource.id}/config/web", resource.version, None)) or {}
        return {**before, "properties": {**before["properties"], "siteConfig": config.get("properties", {})}}
    return before
