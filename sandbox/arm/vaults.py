"""Key vaults as resources; their secrets are served elsewhere."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import KeyVault

_VAULTS: Final = "providers/Microsoft.KeyVault/vaults"
_DELETED: Final = "providers/Microsoft.KeyVault/deletedVaults"
_HSMS: Final = "providers/Microsoft.KeyVault/managedHSMs"  # the Azure CLI lists them beside the vaults


def _shown(call: Call, vault: KeyVault) -> dict[str, Any]:
    tenant = call.arm.tenant_id
    permissions = {"keys": [], "secrets": ["all"], "certificates": [], "storage": []}
    return {
        "id": vault.id,
        "name": vault.name,
        "type": vault.type,
        "location": vault.location,
        "tags": vault.tags,
        "systemData": {
            "createdBy": names.ADMIN_NAME,
            "createdByType": "User",
            "createdAt": vault.created,
            "lastModifiedBy": names.ADMIN_NAME,
            "lastModifiedByType": "User",
            "lastModifiedAt": vault.created,
        },
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": tenant,
            "accessPolicies": [
                {"tenantId": tenant, "objectId": reader, "permissions": permissions} for reader in vault.readers
            ],
            "enabledForDeployment": False,
            "enabledForDiskEncryption": False,
            "enabledForTemplateDeployment": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": vault.retention_days,
            "enableRbacAuthorization": False,
            "vaultUri": f"https://{vault.name}.{call.cloud.vault_suffix}/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        },
    }


def _list(call: Call) -> Response:
    vaults = call.visible(call.arm.vaults.values())
    return JSONResponse({"value": [_shown(call, v) for v in vaults], "nextLink": None})


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call, call.vault()))


def _none(_call: Call) -> Response:
    return JSONResponse({"value": [], "nextLink": None})


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_VAULTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_VAULTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_VAULTS}/{{vault}}", _get),
    Operation("GET", f"{SUBSCRIPTION}/{_DELETED}", _none, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/{_HSMS}", _none, listing=True),
    Operation("GET", f"{GROUP}/{_HSMS}", _none, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/deletedManagedHSMs", _none, listing=True),
)
