"""Secrets in Key Vault's format."""

from datetime import datetime
from typing import Any

from sandbox.key_vault.call import Call
from sandbox.key_vault.limits import LATEST_API_VERSION, WITHOUT_RECOVERABLE_DAYS
from sandbox.key_vault.secret import DeletedSecret, Secret, SecretVersion


def with_value(call: Call, secret: Secret, version: SecretVersion) -> dict[str, Any]:
    """Return a version with its value."""
    return {"value": version.value, **without_value(call, secret, version)}


def without_value(call: Call, secret: Secret, version: SecretVersion) -> dict[str, Any]:
    """Return a version without its value."""
    return {**_head(version), "id": _version_id(call, secret, version), **_tail(call, secret, version)}


def item(call: Call, secret: Secret) -> dict[str, Any]:
    """Return a secret as a list shows it: the latest version under an ID without a version."""
    return {**_head(secret.latest), "id": _id(call, secret), **_tail(call, secret, secret.latest)}


def version_item(call: Call, secret: Secret, version: SecretVersion) -> dict[str, Any]:
    """Return a version as a list of versions shows it."""
    return without_value(call, secret, version)


def deleted(call: Call, deleted_secret: DeletedSecret) -> dict[str, Any]:
    """Return a soft-deleted secret."""
    secret = deleted_secret.secret
    return {**_deletion(call, deleted_secret), **without_value(call, secret, secret.latest)}


def deleted_item(call: Call, deleted_secret: DeletedSecret) -> dict[str, Any]:
    """Return a soft-deleted secret as a list shows it."""
    return {**_deletion(call, deleted_secret), **item(call, deleted_secret.secret)}


def _deletion(call: Call, deleted_secret: DeletedSecret) -> dict[str, Any]:
    return {
        "recoveryId": f"{call.vault_url}/deletedsecrets/{deleted_secret.secret.name}",
        "deletedDate": _epoch(deleted_secret.deleted),
        "scheduledPurgeDate": _epoch(deleted_secret.purges),
    }


def _head(version: SecretVersion) -> dict[str, Any]:
    return {} if version.content_type is None else {"contentType": version.content_type}


def _tail(call: Call, secret: Secret, version: SecretVersion) -> dict[str, Any]:
    tail: dict[str, Any] = {"managed": True} if secret.managed else {}
    tail["attributes"] = _attributes(call, version)
    if version.tags:
        tail["tags"] = version.tags
    if secret.managed:
        tail["kid"] = _version_id(call, secret, version).replace("/secrets/", "/keys/", 1)
        at = secret.versions.index(version)
        if at and call.api_version == LATEST_API_VERSION:
            tail["previousVersion"] = secret.versions[at - 1].version
    return tail


def _attributes(call: Call, version: SecretVersion) -> dict[str, Any]:
    attributes: dict[str, Any] = {"enabled": version.enabled}
    if version.not_before is not None:
        attributes["nbf"] = _epoch(version.not_before)
    if version.expires is not None:
        attributes["exp"] = _epoch(version.expires)
    attributes["created"] = _epoch(version.created)
    attributes["updated"] = _epoch(version.updated)
    attributes["recoveryLevel"] = call.vault.recovery_level
    if call.api_version not in WITHOUT_RECOVERABLE_DAYS:
        attributes["recoverableDays"] = call.vault.retention_days
    return attributes


def _id(call: Call, secret: Secret) -> str:
    return f"{call.vault_url}/secrets/{secret.name}"


def _version_id(call: Call, secret: Secret, version: SecretVersion) -> str:
    return f"{_id(call, secret)}/{version.version}"


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
