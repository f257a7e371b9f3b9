"""A vault and what it holds."""

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
SECRET_PERMISSIONS: Final = frozenset({"get", "list", "set", "delete", "recover", "backup", "restore", "purge"})


@dataclass
class Vault:
    """One vault. Names of secrets match whatever their case and keep the case first stored.

    `permissions` says what each principal (object id, lower case) may do by access policy. With `rbac` it is
    `access`, the roles of Resource Manager, that says so; a vault without them goes by `permissions` still.
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
    past: "Past[Secret | DeletedSecret | None]" = field(default_factory=Past)  # as the lists show it
    _secrets: dict[str, Secret] = field(default_factory=dict)
    _deleted: dict[str, DeletedSecret] = field(default_factory=dict)

    def now(self) -> datetime:
        """Tell the vault's time in whole seconds, as its answers do."""
        return self.clock.now().replace(microsecond=0)

    @property
    def recovery_level(self) -> str:
        """What Key Vault calls this mix of retention and purge protection."""
        customized = "" if self.retention_days == DEFAULT_RETENTION_DAYS else "Customized"
        return f"{customized}Recoverable" + ("" if self.purge_protection else "+Purgeable")

    def listed_secrets(self) -> list[Secret]:
        """Return the live secrets as a list shows them, which may be behind: by upper-case name."""
        live = (secret for secret in self._listed() if isinstance(secret, Secret))
        return sorted(live, key=lambda secret: secret.name.upper())

    def listed_secret(self, name: str) -> Secret | None:
        """Return a live secret as the list of its versions shows it, which may be behind."""
        secret = self._seen(name.lower())
        return secret if isinstance(secret, Secret) else None

    def listed_deleted_secrets(self) -> list[DeletedSecret]:
        """Return the soft-deleted secrets as a list shows them, which may be behind: by upper-case name."""
        then = self.clock.now() - self.past.lag
        kept = (one for one in self._listed() if isinstance(one, DeletedSecret) and one.purges > then)
        return sorted(kept, key=lambda deleted: deleted.secret.name.upper())

    def secret(self, name: str) -> Secret:
        """Find a live secret.

        Raises:
            VaultError: 404, no such secret, or it is deleted.
        """
        secret = self._secrets.get(name.lower())
        if secret is None:
            raise errors.secret_not_found(name)
        return secret

    def version(self, name: str, version: str = "") -> tuple[Secret, SecretVersion]:
        """Find one version of a live secret, the latest where none is named.

        Raises:
            VaultError: 404, no such secret or version.
        """
        secret = self.secret(name)
        if not version:
            return secret, secret.latest
        for candidate in secret.versions:
            if candidate.version == version.lower():
                return secret, candidate
        raise errors.secret_not_found(f"{name}/{version}")

    def deleted_secret(self, name: str) -> DeletedSecret:
        """Find a soft-deleted secret.

        Raises:
            VaultError: 404, none of that name.
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
            raise errors.secret_not_found(name) from error  # the words differ from those of a look

    def add(self, name: str, version: SecretVersion, *, managed: bool = False) -> Secret:
        """Store a new version, and the secret with it where there is none.

        Raises:
            VaultError: 409 while the name is soft-deleted.
        """
        self._refuse_deleted(name)
        old = self._secrets.get(name.lower()) or Secret(name, (), managed)
        secret = replace(old, versions=(*old.versions, version))
        self._store(name, secret)
        return secret

    def change(self, secret: Secret, old: SecretVersion, new: SecretVersion) -> Secret:
        """Replace one version of a live secret by one with other attributes."""
        changed = replace(secret, versions=tuple(new if version is old else version for version in secret.versions))
        self._store(secret.name, changed)
        return changed

    def put_back(self, secret: Secret) -> bool:
        """Store a whole secret from a backup; False while a live secret has the name.

        Raises:
            VaultError: 409 while the name is soft-deleted.
        """
        self._refuse_deleted(secret.name)
        if secret.name.lower() in self._secrets:
            return False
        self._store(secret.name, secret)
        return True

    def delete(self, name: str) -> DeletedSecret:
        """Soft-delete a secret with all its versions.

        Raises:
            VaultError: 404, no such secret.
        """
        secret = self.secret(name)
        deleted = DeletedSecret(secret, self.now(), timedelta(days=self.retention_days))
        self._store(name, deleted)
        return deleted

    def recover(self, name: str) -> Secret:
        """Bring a soft-deleted secret back as it was.

        Raises:
            VaultError: 404, none of that name is deleted.
        """
        secret = self._to_act_on(name).secret
        self._store(name, secret)
        return secret

    def purge(self, name: str) -> None:
        """Forget a soft-deleted secret for good.

        Raises:
            VaultError: 404, none of that name is deleted; 403, the vault is protected.
        """
        self._to_act_on(name)
        if self.purge_protection:
            raise errors.purge_protected(self.name, self.location)
        self._store(name, None)

    def snapshot(self) -> dict[str, Any]:
        """Show the vault as `/sandbox/state` does: versions by name, values included."""
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
        """Replace what a name stands for. None is nothing."""
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
