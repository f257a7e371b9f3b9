"""Backups: sealed, and valid in any vault of the same subscription, as in Azure."""

import base64
import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from sandbox.key_vault import errors
from sandbox.key_vault.limits import BACKUP_VERSIONS
from sandbox.key_vault.secret import Secret, SecretVersion
from sandbox.key_vault.state import Vault

_TIMES: Final = ("created", "updated", "not_before", "expires")


def seal(vault: Vault, secret: Secret) -> str:
    """Return a secret with all its versions as one blob, base64url without padding.

    Raises:
        VaultError: 400. It has more versions than Key Vault backs up. (The wording is a guess.)
    """
    if len(secret.versions) > BACKUP_VERSIONS:
        raise errors.bad_parameter(f"Cannot back up a secret with more than {BACKUP_VERSIONS} versions.")
    content = {**asdict(secret), "versions": [_packed(version) for version in secret.versions]}
    return _sealer(vault).encrypt(json.dumps(content).encode()).decode().rstrip("=")


def unseal(vault: Vault, blob: object) -> Secret:
    """Return the secret in a blob.

    Raises:
        VaultError: 400. The blob is not a backup, or is from another subscription.
    """
    if not isinstance(blob, str):
        raise errors.invalid_value()
    padded = blob.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        content = json.loads(_sealer(vault).decrypt(padded.encode()))
    except InvalidToken as error:
        raise errors.malformed_backup() from error
    versions = tuple(_unpacked(version) for version in content.pop("versions"))
    return Secret(**content, versions=versions)


def _sealer(vault: Vault) -> Fernet:
    subscription = vault.resource_id.split("/")[2].lower()
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(subscription.encode()).digest()))


def _packed(version: SecretVersion) -> dict[str, Any]:
    packed = asdict(version)
    return packed | {time: int(packed[time].timestamp()) for time in _TIMES if packed[time] is not None}


def _unpacked(packed: dict[str, Any]) -> SecretVersion:
    times = {time: datetime.fromtimestamp(packed[time], UTC) for time in _TIMES if packed[time] is not None}
    return SecretVersion(**(packed | times))
