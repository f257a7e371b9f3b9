"""Every operation of the service: its route, its required permission, and its throttling limit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sandbox.key_vault import deleted_secrets, secrets
from sandbox.key_vault.call import Call


@dataclass(frozen=True)
class Operation:
    """One operation of the service."""

    method: str
    path: str  # a trailing slash is accepted, too
    run: Callable[[Call], dict[str, Any] | None]  # None results in 204
    permission: str  # in an access policy
    action: str  # in a role, after Microsoft.KeyVault/vaults/secrets/
    creates: bool = False  # counts against the vault's low limit of writes


OPERATIONS: Final = (
    Operation("GET", "/secrets", secrets.list_secrets, "list", "readMetadata/action"),
    Operation("POST", "/secrets/restore", secrets.restore, "restore", "restore/action", creates=True),
    Operation("POST", "/secrets/{name}/backup", secrets.back_up, "backup", "backup/action"),
    Operation("GET", "/secrets/{name}/versions", secrets.list_versions, "list", "readMetadata/action"),
    Operation("PUT", "/secrets/{name}", secrets.set_secret, "set", "setSecret/action", creates=True),
    Operation("DELETE", "/secrets/{name}", secrets.delete, "delete", "delete"),
    Operation("GET", "/secrets/{name}", secrets.get, "get", "getSecret/action"),
    Operation("GET", "/secrets/{name}/{version}", secrets.get, "get", "getSecret/action"),
    Operation("PATCH", "/secrets/{name}", secrets.update, "set", "update/action"),
    Operation("PATCH", "/secrets/{name}/{version}", secrets.update, "set", "update/action"),
    Operation("GET", "/deletedsecrets", deleted_secrets.list_deleted, "list", "readMetadata/action"),
    Operation("GET", "/deletedsecrets/{name}", deleted_secrets.get, "get", "readMetadata/action"),
    Operation("DELETE", "/deletedsecrets/{name}", deleted_secrets.purge, "purge", "purge/action"),
    Operation("POST", "/deletedsecrets/{name}/recover", deleted_secrets.recover, "recover", "recover/action"),
)
