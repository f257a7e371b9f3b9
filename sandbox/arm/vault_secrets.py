"""Secrets as resources, which templates write. Resource Manager never shows a value.

Not run against real Azure. The paths and members are those of Microsoft's description of 2023-07-01.
"""

import uuid
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, Call
from sandbox.arm.errors import ArmError, refused, resource_not_found
from sandbox.arm.gateway import Operation
from sandbox.key_vault import limits
from sandbox.key_vault.errors import VaultError
from sandbox.key_vault.secret import Secret, SecretVersion

_SECRET: Final = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{{vault}}/secrets/{{secret}}"
_TYPE: Final = "Microsoft.KeyVault/vaults/secrets"


def _shown(call: Call, secret: Secret) -> dict[str, Any]:
    vault, version = call.vault(), secret.latest
    address = f"https://{vault.name}.{call.cloud.vault_suffix}/secrets/{secret.name}"
    created, updated = (int(moment.timestamp()) for moment in (version.created, version.updated))
    return {
        "id": f"{vault.id}/secrets/{secret.name}",
        "name": secret.name,
        "type": _TYPE,
        "location": vault.location,
        "tags": version.tags or {},
        "properties": {
            "attributes": {"enabled": version.enabled, "created": created, "updated": updated},
            "contentType": version.content_type,
            "secretUri": address,
            "secretUriWithVersion": f"{address}/{version.version}",
        },
    }


def _put(call: Call) -> Response:
    """Store a new version, each time."""
    state, given = call.azure.vaults[call.vault().name.lower()], call.properties
    now = state.now()
    try:
        version = SecretVersion(
            version=uuid.uuid4().hex,
            value=limits.check_value(given.get("value")),
            created=now,
            updated=now,
            enabled=bool((given.get("attributes") or {}).get("enabled", True)),
            content_type=limits.check_content_type(given.get("contentType")),
            tags=limits.check_tags(call.body.get("tags")),
        )
        secret = state.add(limits.check_name(call.params["secret"]), version)
    except VaultError as error:
        raise _refusal(error) from error
    return JSONResponse(_shown(call, secret))


def _get(call: Call) -> Response:
    vault = call.vault()
    try:
        secret = call.azure.vaults[vault.name.lower()].secret(call.params["secret"])
    except VaultError as error:
        raise resource_not_found(_TYPE, f"{vault.name}/{call.params['secret']}", call.params["group"]) from error
    return JSONResponse(_shown(call, secret))


def _refusal(error: VaultError) -> ArmError:
    return refused(error.status, error.body["error"]["code"], error.body["error"]["message"])


OPERATIONS: Final = (Operation("GET", _SECRET, _get), Operation("PUT", _SECRET, _put))
