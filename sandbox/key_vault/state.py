"""A vault and its secrets."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.clock import Clock
from sandbox.key_vault import errors
from sandbox.key_vault.secret import DeletedSecret, Secret, SecretVersion
from sandbox.past import Past

if TYPE_CHECKING:
    from sandbox.arm.access import AccessControl

DEFAULT_RETENTION_DAYS: Final = 90
_GET: Final = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
SECRET_PERMISSIONS: Final = frozenset({"get", "list", "set", "delete", "recover", "backup", "restore", "purge"})


@dataclass
class Vault:
    """One vault. Names of secrets are case-insensitive and keep the case of the first write.

    `permissions` has the rights of each principal (object ID, lower case) by access policy. With `rbac`, the roles of
    Resource Manager in `access` apply instead. A vault without `access` still uses `permissions`.
    """

    name: str
    resource_id: str
    tenant_id: str
    location: str
    clock: Clock
    permissions: dict[str, frozenset[str]] = field(default_factory=dict)
    rbac: bool = False
    access: "AccessControl | None" = None
    purge_protection: bool = False
    retention_days: int = DEFAULT_RETENTION_DAYS
    past: "Past[Secret | DeletedSecret | None]" = field(default_factory=Past)  # for lists that lag
    recovery: timedelta = timedelta()  # until a recovered secret accepts writes. It is visible after half of it.
    _recovered: dict[str, datetime] = field(default_factory=dict)  # by lower-case name, the start of the recovery
    _secrets: dict[str, Secret] = field(default_factory=dict)
    _deleted: dict[str, DeletedSecret] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return the vault's time in whole seconds, as in its responses."""
        return self.clock.now().replace(microsecond=0)

    @property
    def recovery_level(self) -> str:
        """Key Vault's name for this mix of retention and purge protection."""
        customized = "" if self.retention_days == DEFAULT_RETENTION_DAYS else "Customized"
        return f"{customized}Recoverable" + ("" if self.purge_protection else "+Purgeable")

    def may_get(self, principal: str, name: str) -> bool:
        """Return whether a principal may read the secret, by access policy or by role."""
        if self.rbac and self.access is not None:
            return self.access.allows_data(principal, _GET, f"{self.resource_id.lower()}/secrets/{name.lower()}")
        return "get" in self.permissions.get(principal, frozenset())

    def listed_secrets(self) -> list[Secret]:
        """Return the live secrets as a list shows them, by upper-case name. The list can be out of date."""
        live = (secret for secret in self._listed() if isinstance(secret, Secret))
        return sorted(live, key=lambda secret: secret.name.upper())

    def listed_secret(self, name: str) -> Secret | None:
        """Return a live secret as the list of its versions shows it. The list can be out of date."""
        secret = self._seen(name.lower())
        return secret if isinstance(secret, Secret) else None

    def listed_deleted_secrets(self) -> list[DeletedSecret]:
        """Return the soft-deleted secrets as a list shows them, by upper-case name. The list can be out of date."""
        then = self.clock.now() - self.past.lag
        kept = (one for one in self._listed() if isinstance(one, DeletedSecret) and one.purges > then)
        return sorted(kept, key=lambda deleted: deleted.secret.name.upper())

    def secret(self, name: str) -> Secret:
        """Return a live secret.

        Raises:
            VaultError: 404. The secret does not exist or is deleted.
        """
        secret = self._secrets.get(name.lower())
        if secret is None:
            raise errors.secret_not_found(name)
        return secret

    def version(self, name: str, version: str = "") -> tuple[Secret, SecretVersion]:
        """Return one version of a live secret. Without a version, return the latest.

        Raises:
            VaultError: 404. The secret or version does not exist.
        """
        secret = self.secret(name)
        if self._is_recovering(name, self.recovery / 2):
            raise errors.secret_not_found(name)
        if not version:
            return secret, secret.latest
        for candidate in secret.versions:
            if candidate.version == version.lower():
                return secret, candidate
        raise errors.secret_not_found(f"{name}/{version}")

    def deleted_secret(self, name: str) -> DeletedSecret:
        """Return a soft-deleted secret.

        Raises:
            VaultError: 404. No secret of that name is deleted.
        """
        self._forget_overdue()
        deleted = self._deleted.get(name.lower())
        if deleted is None:
            raise errors.deleted_secret_not_found(name)
        return deleted

    def _to_act_on(self, name: str) -> DeletedSecret:
        try:
            return self.deleted_secret(name)
        except errors.VaultError as error:
            raise errors.secret_not_found(name) from error  # the wording differs from that of a read

    def add(self, name: str, version: SecretVersion, *, managed: bool = False) -> Secret:
        """Store a new version, and create the secret if it does not exist.

        Raises:
            VaultError: 409. The name is soft-deleted.
        """
        self._refuse_deleted(name)
        self.refuse_recovering(name)
        old = self._secrets.get(name.lower()) or Secret(name, (), managed)
        secret = replace(old, versions=(*old.versions, version))
        self._store(name, secret)
        return secret

    def change(self, secret: Secret, old: SecretVersion, new: SecretVersion) -> Secret:
        """Replace one version of a live secret with a version that has other attributes."""
        changed = replace(secret, versions=tuple(new if version is old else version for version in secret.versions))
        self._store(secret.name, changed)
        return changed

    def put_back(self, secret: Secret) -> bool:
        """Store a whole secret from a backup. Return False if a live secret has the name.

        Raises:
            VaultError: 409. The name is soft-deleted.
        """
        self._refuse_deleted(secret.name)
        if secret.name.lower() in self._secrets:
            return False
        self._store(secret.name, secret)
        return True

    def secrets(self) -> list[Secret]:
        """Return the current live secrets."""
        return list(self._secrets.values())

    def replace_all(self, secrets: Iterable[Secret]) -> None:
        """Store these secrets and no others. The vault's lists show them immediately."""
        self._secrets = {secret.name.lower(): secret for secret in secrets}
        self._deleted = {}
        self._recovered = {}
        self.past = Past(self.past.lag)

    def delete(self, name: str) -> DeletedSecret:
        """Soft-delete a secret with all its versions.

        Raises:
            VaultError: 404. The secret does not exist.
        """
        secret = self.secret(name)
        self.refuse_recovering(name)
        deleted = DeletedSecret(secret, self.now(), timedelta(days=self.retention_days))
        self._store(name, deleted)
        return deleted

    def recover(self, name: str) -> Secret:
        """Recover a soft-deleted secret as it was.

        Raises:
            VaultError: 404. No secret of that name is deleted.
        """
        secret = self._to_act_on(name).secret
        self._store(name, secret)
        self._recovered[name.lower()] = self.clock.now()
        return secret

    def refuse_recovering(self, name: str) -> None:
        """Refuse to write a secret that is still being recovered. Real vaults do so even if it can be read.

        Raises:
            VaultError: 409. The secret is being recovered.
        """
        if self._is_recovering(name, self.recovery):
            raise errors.settling(name, "recovered", "ObjectIsBeingRecovered")

    def _is_recovering(self, name: str, length: timedelta) -> bool:
        begun = self._recovered.get(name.lower())
        return begun is not None and self.clock.now() < begun + length

    def purge(self, name: str) -> None:
        """Permanently delete a soft-deleted secret.

        Raises:
            VaultError: 404. No secret of that name is deleted. 403. The vault has purge protection.
        """
        self._to_act_on(name)
        if self.purge_protection:
            raise errors.purge_protected(self.name, self.location)
        self._store(name, None)

    def snapshot(self) -> dict[str, Any]:
        """Return the vault as `/sandbox/state` shows it: versions by name, including values."""
        self._forget_overdue()
        return {
            "secrets": _by_name(self._secrets.values()),
            "deleted": _by_name(self._deleted[key].secret for key in sorted(self._deleted)),
        }

    def _current(self, key: str) -> Secret | DeletedSecret | None:
        return self._secrets.get(key) or self._deleted.get(key)

    def _seen(self, key: str) -> Secret | DeletedSecret | None:
        return self.past.seen(key, self._current(key), self.clock.now())

    def _listed(self) -> Iterable[Secret | DeletedSecret | None]:
        return {**self._secrets, **self._deleted, **{key: self._seen(key) for key in self.past.changed_keys()}}.values()

    def _store(self, name: str, new: Secret | DeletedSecret | None) -> None:
        """Replace the secret of a name. None removes it."""
        key = name.lower()
        self.past.replaced(key, self._current(key), self.clock.now())
        self._deleted.pop(key, None)
        if isinstance(new, Secret):
            self._secrets[key] = new
            return
        self._secrets.pop(key, None)
        if new is not None:
            self._deleted[key] = new

    def _refuse_deleted(self, name: str) -> None:
        self._forget_overdue()
        deleted = self._deleted.get(name.lower())
        if deleted is not None:
            raise errors.deleted_but_recoverable(deleted.secret.name)

    def _forget_overdue(self) -> None:
        now = self.now()
        self._deleted = {name: deleted for name, deleted in self._deleted.items() if deleted.purges > now}


def _by_name(secrets: Iterable[Secret]) -> dict[str, Any]:
    return {secret.name: secret.snapshot() for secret in secrets}
