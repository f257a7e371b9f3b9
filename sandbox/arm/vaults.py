"""Key vaults as resources, and the permissions on their secrets. The data plane serves the secrets."""

import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import KeyVault
from sandbox.key_vault.state import SECRET_PERMISSIONS, Vault

_VAULTS: Final = "providers/Microsoft.KeyVault/vaults"
_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9]){2,23}", re.IGNORECASE)
_MOST_LETTERS: Final = 24
_DELETED: Final = "providers/Microsoft.KeyVault/deletedVaults"
_HSMS: Final = "providers/Microsoft.KeyVault/managedHSMs"  # the Azure CLI lists them along with the vaults


def _shown(call: Call, vault: KeyVault) -> dict[str, Any]:
    tenant, vault_state = call.arm.tenant_id, call.azure.vaults[vault.name.lower()]
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
            "accessPolicies": [_policy(tenant, who, rights) for who, rights in vault_state.permissions.items()],
            "enabledForDeployment": vault.for_deployment,
            "enabledForDiskEncryption": False,
            "enabledForTemplateDeployment": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": vault.retention_days,
            "enableRbacAuthorization": vault_state.rbac,
            "vaultUri": f"https://{vault.name}.{call.cloud.vault_suffix}/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        },
    }


def _policy(tenant: str, who: str, rights: frozenset[str]) -> dict[str, Any]:
    """Return a policy on secrets. CIPP's template grants `all`, and Azure keeps that word."""
    secrets = ["all"] if rights == SECRET_PERMISSIONS else sorted(rights)
    permissions = {"keys": [], "secrets": secrets, "certificates": [], "storage": []}
    return {"tenantId": tenant, "objectId": who, "permissions": permissions}


def _policies(given: object) -> dict[str, frozenset[str]]:
    """Return the permissions on secrets by object ID, from access policies.

    Raises:
        ArmError: 400. The value is not a list of access policies.
    """
    policies: dict[str, frozenset[str]] = {}
    try:
        for policy in given:  # type: ignore[attr-defined] # any other value is refused below
            rights = {str(right).lower() for right in (policy["permissions"].get("secrets") or ())}
            granted = SECRET_PERMISSIONS if "all" in rights else frozenset(rights)
            policies[str(policy["objectId"]).lower()] = granted
    except (AttributeError, KeyError, TypeError) as error:
        message = "The parameter accessPolicies has an invalid value."
        raise refused(400, "BadRequest", message) from error
    return policies


def _write(call: Call) -> Response:
    """Change an existing vault: its access policies, and whether it uses roles instead."""
    vault, given = call.vault(), call.properties
    vault_state = call.azure.vaults[vault.name.lower()]
    if "accessPolicies" in given:
        vault_state.permissions = _policies(given["accessPolicies"])
    vault_state.rbac = bool(given.get("enableRbacAuthorization", vault_state.rbac))
    vault.tags = call.body.get("tags", vault.tags) or {}
    return JSONResponse(_shown(call, vault))


def _put(call: Call) -> Response:
    """Create a vault, or change it. Not run against real Azure: the texts of the refusals of a new vault."""
    name, group, body = call.params["vault"], call.group(), call.body
    known = call.arm.vaults.get(name.lower())
    if known is not None and known.group == group.name:
        return _write(call)
    if known is not None:
        raise refused(409, "VaultAlreadyExists", f"The vault name '{name}' is already in use.")
    if len(name) > _MOST_LETTERS or not _NAME.fullmatch(name):
        message = (
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The "
            "name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
        )
        raise refused(400, "VaultNameNotValid", message)
    given, location = call.properties, body.get("location")
    by_role = bool(given.get("enableRbacAuthorization"))
    missing = [one for one in ("sku", "tenantId") if not given.get(one)]
    if not location or missing or ("accessPolicies" not in given and not by_role):
        raise refused(400, "BadRequest", f"The parameter {(missing or ['location or accessPolicies'])[0]} is missing.")
    _policies(given.get("accessPolicies", []))
    vault = KeyVault(
        subscription_id=call.arm.subscription_id,
        group=group.name,
        name=name,
        location=str(location),
        created=call.now.isoformat().replace("+00:00", "Z"),
        for_deployment=bool(given.get("enabledForDeployment")),
    )
    call.arm.vaults[name.lower()] = vault
    call.azure.vaults[name.lower()] = Vault(
        name=name,
        resource_id=vault.id,
        tenant_id=call.arm.tenant_id,
        location=vault.region,
        clock=call.azure.clock,
        access=call.arm.access,
    )
    return _write(call)


def _write_policies(call: Call) -> Response:
    """Add, replace or remove the permissions of single principals."""
    vault, given = call.vault(), _policies(call.properties.get("accessPolicies", []))
    vault_state, how = call.azure.vaults[vault.name.lower()], call.params["how"].lower()
    if how not in ("add", "replace", "remove"):
        raise refused(400, "BadRequest", f"The operation kind '{how}' is not supported.")
    for who, rights in given.items():
        before = vault_state.permissions.get(who, frozenset())
        vault_state.permissions[who] = {"add": before | rights, "replace": rights, "remove": before - rights}[how]
    vault_state.permissions = {who: rights for who, rights in vault_state.permissions.items() if rights}
    policies = [_policy(call.arm.tenant_id, who, rights) for who, rights in vault_state.permissions.items()]
    return JSONResponse(
        {
            "id": f"{vault.id}/accessPolicies/",
            "type": "Microsoft.KeyVault/vaults/accessPolicies",
            "properties": {"accessPolicies": policies},
        }
    )


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
    Operation("PUT", f"{GROUP}/{_VAULTS}/{{vault}}", _put),
    Operation("PATCH", f"{GROUP}/{_VAULTS}/{{vault}}", _write),
    Operation("PUT", f"{GROUP}/{_VAULTS}/{{vault}}/accessPolicies/{{how}}", _write_policies),
    Operation("GET", f"{SUBSCRIPTION}/{_DELETED}", _none, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/{_HSMS}", _none, listing=True),
    Operation("GET", f"{GROUP}/{_HSMS}", _none, listing=True),
    Operation("GET", f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/deletedManagedHSMs", _none, listing=True),
)
