"""Resource groups: list, show, create, and delete with everything in them."""

import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.access import is_within
from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import refused
from sandbox.arm.filters import matches_tag
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import ResourceGroup

_NAME: Final = re.compile(r"[-\w._()]{0,89}[-\w_()]")


def _shown(group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def _list(call: Call) -> Response:
    access, caller = call.arm.access, call.caller.object_id
    right = "Microsoft.Resources/subscriptions/resourceGroups/read"
    wanted = call.query.get("$filter", "")
    found = [
        _shown(g)
        for g in call.arm.groups.values()
        if access.allows(caller, right, g.id) and matches_tag(wanted, g.tags)
    ]
    return JSONResponse({"value": call.top(found)})


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call.group()))


def _exists(call: Call) -> Response:
    call.group()
    return Response(status_code=204)


def _put(call: Call) -> Response:
    """Create a group, or replace its tags."""
    name, body = call.params["group"], call.body
    if not _NAME.fullmatch(name):
        raise refused(400, "InvalidResourceGroup", f"The provided resource group name '{name}' is not valid.")
    known, location = call.arm.groups.get(name.lower()), str(body.get("location") or "").replace(" ", "").lower()
    if not location:
        raise refused(400, "LocationRequired", "The location property is required for this definition.")
    if known is not None and known.location != location:
        raise refused(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{known.location}'.",
        )
    group = ResourceGroup(call.arm.subscription_id, known.name if known else name, location, body.get("tags") or {})
    call.arm.groups[name.lower()] = group
    return JSONResponse(_shown(group), 200 if known else 201)


def _delete(call: Call) -> Response:
    """Delete a group with everything in it: resources, deployments, locks and role assignments."""
    arm, group = call.arm, call.group()
    stored: tuple[dict[str, Any], ...] = (
        arm.plans,
        arm.sites,
        arm.static_sites,
        arm.storage_accounts,
        arm.certificates,
        arm.plain,
    )
    if any(vault.group == group.name for vault in arm.vaults.values()):
        raise refused(501, "NotImplementedInSandbox", "The sandbox can't delete a group that has a vault.")
    for resources in stored:
        for name in [name for name, resource in resources.items() if resource.group == group.name]:
            del resources[name]
    for key in [key for key, one in arm.deployments.items() if is_within(one.id, group.id)]:
        del arm.deployments[key]
    arm.access.assignments = [one for one in arm.access.assignments if not is_within(one.scope, group.id)]
    del arm.groups[group.name.lower()]
    return Response(status_code=200)


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/resourceGroups", _list, listing=True),
    Operation("GET", GROUP, _get),
    Operation("HEAD", GROUP, _exists),
    Operation("PUT", GROUP, _put),
    Operation("DELETE", GROUP, _delete),
)
