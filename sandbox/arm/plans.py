"""App Service plans."""

import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import bad_request, refused
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import Plan
from sandbox.arm.sites import page

_TIERS: Final = {"FC1": "FlexConsumption", "Y1": "Dynamic", "F1": "Free", "B1": "Basic", "EP1": "ElasticPremium"}
_PLANS: Final = "providers/Microsoft.Web/serverfarms"


def _shown(call: Call, plan: Plan) -> dict[str, Any]:
    sites = [s for s in call.arm.sites.values() if s.plan.lower() == plan.name.lower()]
    linux = "-Linux" if plan.linux else ""
    workers = plan.sku["capacity"]
    return {
        "id": plan.id,
        "name": plan.name,
        "type": plan.type,
        "kind": plan.kind,
        "location": plan.location,
        "properties": {
            "serverFarmId": 41207,
            "name": plan.name,
            "sku": plan.sku,
            "workerSize": "Default",
            "workerSizeId": 0,
            "currentWorkerSize": "Default",
            "currentWorkerSizeId": 0,
            "currentNumberOfWorkers": workers,
            "numberOfWorkers": workers,
            "status": "Ready",
            "webSpace": f"{plan.group}-{plan.location.replace(' ', '')}webspace{linux}",
            "subscription": plan.subscription_id,
            "maximumNumberOfWorkers": 0,
            "planName": "VirtualDedicatedPlan",
            "computeMode": "Dedicated" if workers else "Dynamic",
            "geoRegion": plan.location,
            "perSiteScaling": False,
            "elasticScaleEnabled": False,
            "maximumElasticWorkerCount": 1,
            "numberOfSites": len(sites),
            "isSpot": False,
            "tags": plan.tags or None,
            "kind": plan.kind,
            "resourceGroup": plan.group,
            "reserved": plan.linux,
            "isXenon": False,
            "hyperV": False,
            "mdmId": "waws-prod-am2-501_41207",
            "targetWorkerCount": workers,
            "targetWorkerSizeId": 0,
            "provisioningState": "Succeeded",
            "zoneRedundant": False,
        },
        "sku": plan.sku,
    }


def _list(call: Call) -> Response:
    return JSONResponse(page([_shown(call, p) for p in call.visible(call.arm.plans.values())]))


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call, call.plan()))


def _put(call: Call) -> Response:
    """Create a plan, or change it."""
    group, name, body = call.group(), call.params["plan"], call.body
    plan = call.arm.plans.get(name.lower())
    if plan is not None and plan.group != group.name:
        raise refused(501, "NotImplementedInSandbox", "The sandbox has one plan of a name in all groups.")
    sku, location = body.get("sku") or {}, body.get("location")
    if not isinstance(location, str) or not sku.get("name"):
        raise bad_request("The parameter location or sku has an invalid value.")
    tier = sku.get("tier") or _TIERS.get(sku["name"], "Standard")
    family = re.sub(r"\d.*", "", sku["name"])
    whole = {"name": sku["name"], "tier": tier, "size": sku["name"], "family": family, "capacity": 0, **sku}
    reserved = bool(call.properties.get("reserved"))
    kind = body.get("kind") or ("functionapp" if tier in ("FlexConsumption", "Dynamic") else "app")
    if tier == "FlexConsumption" and not reserved:
        raise bad_request("The parameter reserved has an invalid value.")
    call.arm.plans[name.lower()] = Plan(
        subscription_id=call.arm.subscription_id,
        group=group.name,
        name=name,
        location=plan.location if plan else location,
        kind=kind,
        reserved=reserved,
        sku=whole,
        tags=body.get("tags") or {},
    )
    return JSONResponse(_shown(call, call.plan()))


def _delete(call: Call) -> Response:
    """Delete a plan without apps."""
    plan = call.arm.plans.get(call.params["plan"].lower())
    if plan is None or plan.group != call.group().name:
        return Response(status_code=204)
    if any(site.plan_id.lower() == plan.id.lower() for site in call.arm.sites.values()):
        message = "Server farm cannot be deleted because it has web app(s) assigned to it."
        raise refused(409, "Conflict", message)
    del call.arm.plans[plan.name.lower()]
    return Response(status_code=200)


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_PLANS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_PLANS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_PLANS}/{{plan}}", _get),
    Operation("PUT", f"{GROUP}/{_PLANS}/{{plan}}", _put),
    Operation("DELETE", f"{GROUP}/{_PLANS}/{{plan}}", _delete),
)
