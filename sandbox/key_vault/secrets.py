"""The operations on secrets that are not deleted."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sandbox.key_vault import backup, bundle, errors, limits
from sandbox.key_vault.call import Call
from sandbox.key_vault.paging import page
from sandbox.key_vault.secret import Secret, SecretVersion


def set_secret(call: Call) -> dict[str, Any]:
    """Store a new version of a secret. The name can be new."""
    name, body, now = call.name, call.json(), call.vault.now()
    version = SecretVersion(
        version=uuid.uuid4().hex,
        value=limits.check_value(body.get("value")),
        created=now,
        updated=now,
        content_type=limits.check_content_type(body.get("contentType")),
        tags=limits.check_tags(body.get("tags")),
        **_attributes(body),
    )
    _refuse_managed(call, name, "set")
    secret = call.vault.add(name, version)
    return bundle.with_value(call, secret, version)


def get(call: Call) -> dict[str, Any]:
    """Return the value of one version. Without a version, return the latest."""
    secret, version = call.vault.version(call.name, call.version)
    if not version.enabled:
        raise errors.disabled()
    return bundle.with_value(call, secret, version)


def update(call: Call) -> dict[str, Any]:
    """Change the attributes in the request, and no others."""
    body = call.json()
    call.vault.refuse_recovering(call.name)
    secret, version = call.vault.version(call.name, call.version)
    if secret.managed:
        raise errors.managed("update")
    changes: dict[str, Any] = _attributes(body)
    if body.get("contentType") is not None:
        changes["content_type"] = limits.check_content_type(body["contentType"])
    if body.get("tags") is not None:
        changes["tags"] = limits.check_tags(body["tags"])
    changed = replace(version, updated=call.vault.now(), **changes)
    secret = call.vault.change(secret, version, changed)
    return bundle.without_value(call, secret, changed)


def list_secrets(call: Call) -> dict[str, Any]:
    """List the secrets of the vault, one page at a time."""
    return page(call, [(_row(secret), partial(bundle.item, call, secret)) for secret in call.vault.listed_secrets()])


def list_versions(call: Call) -> dict[str, Any]:
    """List the versions of one secret by their IDs, not by age. The list of an unknown secret is empty."""
    secret = call.vault.listed_secret(call.name)
    if secret is None:
        return page(call, [])
    rows = [
        (f"{_row(secret)}/{version.version.upper()}", partial(bundle.version_item, call, secret, version))
        for version in secret.versions
    ]
    return page(call, sorted(rows, key=lambda row: row[0]))


def delete(call: Call) -> dict[str, Any]:
    """Soft-delete a secret with all its versions."""
    _refuse_managed(call, call.name, "delete")
    return bundle.deleted(call, call.vault.delete(call.name))


def back_up(call: Call) -> dict[str, Any]:
    """Return a secret with all its versions as one sealed blob."""
    return {"value": backup.seal(call.vault, call.vault.secret(call.name))}


def restore(call: Call) -> dict[str, Any]:
    """Store a backed-up secret with all its versions under its old name, which must be unused."""
    secret = backup.unseal(call.vault, call.json().get("value"))
    if not call.vault.put_back(secret):
        raise errors.restore_conflict(bundle.without_value(call, secret, secret.latest)["id"])
    return bundle.without_value(call, secret, secret.latest)


def _attributes(body: dict[str, Any]) -> dict[str, Any]:
    attributes = body.get("attributes")
    if attributes is None:
        return {}
    if not isinstance(attributes, dict):
        raise errors.invalid_value()
    read: dict[str, Any] = {}
    enabled = attributes.get("enabled")
    if enabled is not None:
        if not isinstance(enabled, bool):
            raise errors.invalid_value()
        read["enabled"] = enabled
    for wire, name in (("nbf", "not_before"), ("exp", "expires")):
        if attributes.get(wire) is not None:
            read[name] = _moment(attributes[wire])
    return read


def _moment(seconds: object) -> datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise errors.invalid_value()
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise errors.invalid_value() from error


def _refuse_managed(call: Call, name: str, operation: str) -> None:
    try:
        secret: Secret = call.vault.secret(name)
    except errors.VaultError:
        return
    if secret.managed:
        raise errors.managed(operation)


def _row(secret: Secret) -> str:
    return f"secret/{secret.name.upper()}"
