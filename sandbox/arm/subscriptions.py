"""Tenants, subscriptions, their locations and the providers registered in them."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.call import SUBSCRIPTION, Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation
from sandbox.arm.versions import VERSIONS

_TYPES: Final = {
    "Microsoft.App": ("managedEnvironments",),
    "Microsoft.Authorization": ("roleAssignments", "roleDefinitions", "permissions"),
    "Microsoft.Insights": ("actionGroups", "components", "metricAlerts", "scheduledQueryRules", "webtests"),
    "Microsoft.KeyVault": ("vaults", "deletedVaults"),
    "Microsoft.ManagedIdentity": ("userAssignedIdentities",),
    "Microsoft.OperationalInsights": ("workspaces",),
    "Microsoft.Resources": ("subscriptions", "resourceGroups", "deployments", "tenants"),
    "Microsoft.Storage": ("storageAccounts",),
    "Microsoft.Web": ("sites", "staticSites", "serverfarms", "locations"),
}


def _subscription(call: Call) -> dict[str, Any]:
    arm = call.arm
    return {
        "id": f"/subscriptions/{arm.subscription_id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": arm.subscription_id,
        "tenantId": arm.tenant_id,
        "displayName": arm.subscription_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _list_subscriptions(call: Call) -> Response:
    sees = call.arm.access.sees(call.caller.object_id, f"/subscriptions/{call.arm.subscription_id}")
    found = [_subscription(call)] if sees else []
    return JSONResponse({"value": found, "count": {"type": "Total", "value": len(found)}})


def _get_subscription(call: Call) -> Response:
    return JSONResponse(_subscription(call))


def _tenants(call: Call) -> Response:
    tenant = {
        "id": f"/tenants/{call.arm.tenant_id}",
        "tenantId": call.arm.tenant_id,
        "countryCode": "NL",
        "displayName": names.TENANT_NAME,
        "domains": [names.TENANT_DOMAIN],
        "tenantCategory": "Home",
        "defaultDomain": names.TENANT_DOMAIN,
        "tenantType": "AAD",
    }
    return JSONResponse({"value": [tenant]})


def _locations(call: Call) -> Response:
    location = {
        "id": f"/subscriptions/{call.arm.subscription_id}/locations/{names.LOCATION}",
        "name": names.LOCATION,
        "type": "Region",
        "displayName": "West Europe",
        "regionalDisplayName": "(Europe) West Europe",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended",
            "geography": "Europe",
            "geographyGroup": "Europe",
            "longitude": "4.9",
            "latitude": "52.3667",
            "physicalLocation": "Netherlands",
            "pairedRegion": [
                {
                    "name": "northeurope",
                    "id": f"/subscriptions/{call.arm.subscription_id}/locations/northeurope",
                }
            ],
        },
    }
    return JSONResponse({"value": [location]})


def _provider(call: Call, namespace: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call.arm.subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "resourceTypes": [
            {
                "resourceType": kind,
                "locations": ["West Europe"],
                "apiVersions": VERSIONS[namespace],
                "defaultApiVersion": VERSIONS[namespace][0],
                "capabilities": "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove",
            }
            for kind in _TYPES[namespace]
        ],
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    }


def _list_providers(call: Call) -> Response:
    return JSONResponse({"value": [_provider(call, namespace) for namespace in _TYPES]})


def _get_provider(call: Call) -> Response:
    wanted = call.params["namespace"]
    for namespace in _TYPES:
        if namespace.lower() == wanted.lower():
            return JSONResponse(_provider(call, namespace))
    message = f"The resource namespace '{wanted}' is invalid."
    raise refused(404, "InvalidResourceNamespace", message)


OPERATIONS: Final = (
    Operation("GET", "/tenants", _tenants, anyone=True),
    Operation("GET", "/subscriptions", _list_subscriptions, anyone=True),
    Operation("GET", SUBSCRIPTION, _get_subscription, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/locations", _locations, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/providers", _list_providers, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/providers/{{namespace}}", _get_provider, listing=True),
)
