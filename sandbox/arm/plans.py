"""App Service plans."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import Plan
from sandbox.arm.sites import page

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


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_PLANS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_PLANS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_PLANS}/{{plan}}", _get),
)
