"""Storage accounts: list and show them, and their keys."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import StorageAccount
from sandbox.clouds import Cloud

_ACCOUNTS: Final = "providers/Microsoft.Storage/storageAccounts"


def _shown(account: StorageAccount, cloud: Cloud) -> dict[str, Any]:
    services = ("blob", "file", "queue", "table", "dfs")
    suffix = cloud.storage_suffix
    encrypted = {"keyType": "Account", "enabled": True, "lastEnabledTime": account.created}
    return {
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "kind": account.kind,
        "id": account.id,
        "name": account.name,
        "type": account.type,
        "location": account.location,
        "tags": account.tags,
        "properties": {
            "keyCreationTime": {"key1": account.created, "key2": account.created},
            "allowCrossTenantReplication": False,
            "privateEndpointConnections": [],
            "minimumTlsVersion": "TLS1_2",
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": True,
            "networkAcls": {
                "bypass": "AzureServices",
                "virtualNetworkRules": [],
                "ipRules": [],
                "defaultAction": "Allow",
            },
            "supportsHttpsTrafficOnly": True,
            "encryption": {
                "services": {"file": encrypted, "blob": encrypted},
                "keySource": "Microsoft.Storage",
            },
            "accessTier": "Hot",
            "provisioningState": "Succeeded",
            "creationTime": account.created,
            "primaryEndpoints": {s: f"https://{account.name}.{s}.{suffix}/" for s in services},
            "primaryLocation": account.location,
            "statusOfPrimary": "available",
        },
    }


def _list(call: Call) -> Response:
    accounts = call.visible(call.arm.storage_accounts.values())
    return JSONResponse({"value": [_shown(a, call.cloud) for a in accounts]})


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call.storage_account(), call.cloud))


def _list_keys(call: Call) -> Response:
    account = call.storage_account()
    keys = [
        {"creationTime": account.created, "keyName": f"key{n}", "value": key, "permissions": "FULL"}
        for n, key in enumerate(account.keys, 1)
    ]
    return JSONResponse({"keys": keys})


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_ACCOUNTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_ACCOUNTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_ACCOUNTS}/{{account}}", _get),
    Operation("POST", f"{GROUP}/{_ACCOUNTS}/{{account}}/listKeys", _list_keys),
)
