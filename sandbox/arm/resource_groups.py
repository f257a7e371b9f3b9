"""Resource groups, and their deployments. The sandbox has no deployments."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.filters import matches_tag
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import ResourceGroup


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


def _deployments(call: Call) -> Response:
    call.group()
    return JSONResponse({"value": []})


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/resourceGroups", _list, listing=True),
    Operation("GET", GROUP, _get),
    Operation("HEAD", GROUP, _exists),
    Operation("GET", f"{GROUP}/providers/Microsoft.Resources/deployments", _deployments),
)
