"""Resources of all kinds, as the lists of a group and of the subscription show them."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import refused
from sandbox.arm.filters import matches
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import Plan, Resource, StorageAccount
from sandbox.arm.site import Site
from sandbox.arm.site_identity import identity_document

_EXPANDABLE: Final = ("createdTime", "changedTime", "provisioningState")


def _shown(resource: Resource, expanded: set[str], created: str) -> dict[str, Any]:
    item: dict[str, Any] = {"id": resource.id, "name": resource.name, "type": resource.type}
    if isinstance(resource, Plan):
        item["sku"] = resource.sku
    if isinstance(resource, StorageAccount):
        item["sku"] = {"name": resource.sku, "tier": resource.sku.partition("_")[0]}
    if resource.kind:
        item["kind"] = resource.kind
    item["location"] = resource.region
    if isinstance(resource, Site) and (identity := identity_document(resource)):
        item["identity"] = identity
    item["tags"] = resource.tags
    times = {"createdTime": created, "changedTime": created, "provisioningState": "Succeeded"}
    return item | {name: value for name, value in times.items() if name.lower() in expanded}


def _list(call: Call) -> Response:
    wanted = call.query.get("$filter", "").strip()
    expanded = {e.strip().lower() for e in call.query.get("$expand", "").split(",") if e.strip()}
    unknown = expanded - {e.lower() for e in _EXPANDABLE} - {"tags"}
    if unknown:
        raise refused(
            400,
            "InvalidExpandInQueryString",
            f"Invalid $expand '{call.query['$expand']}' specified in the query string.",
        )
    found = [r for r in call.visible(call.arm.resources()) if not wanted or matches(wanted, r)]
    created = next(iter(call.arm.vaults.values())).created
    return JSONResponse({"value": call.top([_shown(r, expanded, created) for r in found])})


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/resources", _list, listing=True),
    Operation("GET", f"{GROUP}/resources", _list, listing=True),
)
