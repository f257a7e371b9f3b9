"""Storage accounts: list and show them, and their keys."""

import base64
import re
import secrets
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import StorageAccount
from sandbox.clouds import Cloud
from sandbox.names import PLANTED

_NAME: Final = re.compile(r"[a-z0-9]{3,24}")
_NAME_RULE: Final = (
    "Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
)
_FIRST_VERSION: Final = "2015-05-01-preview"  # of it, CIPP's template for function apps lists the keys
_CONTAINER: Final = re.compile(r"\$root|[a-z0-9](?:-?[a-z0-9]){2,62}")
_ACCOUNTS: Final = "providers/Microsoft.Storage/storageAccounts"


def _shown(account: StorageAccount, cloud: Cloud) -> dict[str, Any]:
    services = ("blob", "file", "queue", "table", "dfs")
    suffix = cloud.storage_suffix
    encrypted = {"keyType": "Account", "enabled": True, "lastEnabledTime": account.created}
    return {
        "sku": {"name": account.sku, "tier": account.sku.partition("_")[0]},
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
            **account.written,
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
    if call.query.get("api-version") == _FIRST_VERSION:
        return JSONResponse(dict(zip(("key1", "key2"), account.keys, strict=True)))
    keys = [
        {"creationTime": account.created, "keyName": f"key{n}", "value": key, "permissions": "FULL"}
        for n, key in enumerate(account.keys, 1)
    ]
    return JSONResponse({"keys": keys})


def _put(call: Call) -> Response:
    """Create an account, or change it. Its keys stay."""
    group, name, body = call.group(), call.params["account"], call.body
    if not _NAME.fullmatch(name):
        raise refused(400, "AccountNameInvalid", f"{name} is not a valid storage account name. {_NAME_RULE}")
    account = call.arm.storage_accounts.get(name)
    if account is not None and account.group != group.name:
        raise refused(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")
    location, sku = body.get("location"), (body.get("sku") or {}).get("name")
    if account is None and (not location or not sku or not body.get("kind")):
        raise refused(400, "InvalidRequestContent", "A storage account requires a location, a sku and a kind.")
    if account is None:
        first, second = (base64.b64encode(f"{PLANTED}{secrets.token_hex(24)}".encode()).decode() for _ in range(2))
        account = StorageAccount(
            subscription_id=call.arm.subscription_id,
            group=group.name,
            name=name,
            location=str(location),
            keys=(first, second),
            created=call.now.isoformat().replace("+00:00", "Z"),
        )
        call.arm.storage_accounts[name] = account
    account.kind, account.sku = body.get("kind") or account.kind, sku or account.sku
    account.tags = body.get("tags", account.tags) or {}
    account.written |= call.properties
    return JSONResponse(_shown(account, call.cloud))


def _child(account: StorageAccount, path: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{account.id}/{path}",
        "name": path.rpartition("/")[2],
        "type": f"{account.type}/{kind}",
        "properties": properties,
    }


def _blob_service(call: Call) -> Response:
    """Show the blob service. The sandbox keeps none of its properties."""
    account = call.storage_account()
    given = call.properties if call.raw_body else {}
    return JSONResponse(_child(account, "blobServices/default", "blobServices", given))


def _file_service(call: Call) -> Response:
    """Show the file service, with what a caller wrote."""
    account = call.storage_account()
    if call.raw_body:
        account.file_service |= call.properties
    return JSONResponse(_child(account, "fileServices/default", "fileServices", account.file_service))


def _list_shares(call: Call) -> Response:
    account = call.storage_account()
    shares = [
        _child(account, f"fileServices/default/shares/{name}", "fileServices/shares", {}) for name in account.shares
    ]
    return JSONResponse({"value": sorted(shares, key=lambda share: share["id"]), "nextLink": None})


def _container(account: StorageAccount, name: str) -> dict[str, Any]:
    path = f"blobServices/default/containers/{name}"
    return _child(account, path, "blobServices/containers", account.containers[name])


def _put_container(call: Call) -> Response:
    account, name = call.storage_account(), call.params["container"]
    if not _CONTAINER.fullmatch(name):
        raise refused(400, "ContainerNameInvalid", f"The specified container name '{name}' is not valid.")
    known = account.containers.get(name)
    account.containers[name] = {"publicAccess": "None", **(known or {}), **call.properties}
    return JSONResponse(_container(account, name), 200 if known else 201)


def _get_container(call: Call) -> Response:
    account, name = call.storage_account(), call.params["container"]
    if name not in account.containers:
        raise refused(404, "ContainerNotFound", "The specified container does not exist.")
    return JSONResponse(_container(account, name))


def _list_containers(call: Call) -> Response:
    account = call.storage_account()
    return JSONResponse({"value": [_container(account, name) for name in account.containers]})


def _delete(call: Call) -> Response:
    account = call.arm.storage_accounts.get(call.params["account"].lower())
    if account is None or account.group != call.group().name:
        return Response(status_code=204)
    del call.arm.storage_accounts[account.name.lower()]
    return Response(status_code=200)


_BLOBS: Final = f"{GROUP}/{_ACCOUNTS}/{{account}}/blobServices/default"
_FILES: Final = f"{GROUP}/{_ACCOUNTS}/{{account}}/fileServices/default"
OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_ACCOUNTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_ACCOUNTS}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_ACCOUNTS}/{{account}}", _get),
    Operation("PUT", f"{GROUP}/{_ACCOUNTS}/{{account}}", _put),
    Operation("DELETE", f"{GROUP}/{_ACCOUNTS}/{{account}}", _delete),
    Operation("POST", f"{GROUP}/{_ACCOUNTS}/{{account}}/listKeys", _list_keys),
    Operation("GET", _BLOBS, _blob_service),
    Operation("PUT", _BLOBS, _blob_service),
    Operation("GET", _FILES, _file_service),
    Operation("PUT", _FILES, _file_service),
    Operation("GET", f"{_FILES}/shares", _list_shares),
    Operation("GET", f"{_BLOBS}/containers", _list_containers),
    Operation("GET", f"{_BLOBS}/containers/{{container}}", _get_container),
    Operation("PUT", f"{_BLOBS}/containers/{{container}}", _put_container),
)
