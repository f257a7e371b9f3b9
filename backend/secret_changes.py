"""Changing the vault's secrets by hand. A key that the rotation looks after signs in before it becomes current."""

import re
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from backend.change_by_hand import ChangeOrder, NewValue, SecretAct, SecretVersion
from backend.clients import Clients
from backend.entra import SignInRefusedError
from backend.errors import (
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from backend.key_vault import KeyVault
from backend.left_enabled import disable_left_enabled, left_enabled
from backend.quoting import WITHHELD, is_like_a_key, is_like_a_name, quoted
from backend.rotation.keys import IDENTITY_NAMES, kind_of
from backend.rotation.tags import CREDENTIAL_ID, RESTORED_FROM
from backend.rotation_lock import ChangeLock, lock_for_change
from backend.values import SecretText
from backend.vault_secret import ROTATED_BY, Stored
from backend.vault_secret import Version as VaultVersion

if TYPE_CHECKING:
    from backend.key_trial import KeyTrial

NAME: Final = r"[0-9A-Za-z-]{1,127}"  # Key Vault's own rule
MOST_BYTES: Final = 25_600  # the same
LONGEST_CONTENT_TYPE: Final = 255  # the same
EPOCH: Final = datetime.fromtimestamp(0, UTC)


class SecretChanges:
    """The service of changes by hand. Needs the vault's get, list, set, recover.

    A change of a secret that the rotation depends on takes the rotation's lock, see `lock_for_change`.
    """

    def __init__(self, clients: Clients, vault: KeyVault, trial: "KeyTrial") -> None:
        self._clients = clients
        self._vault = vault
        self._trial = trial

    def versions(self, name: str) -> list[SecretVersion]:
        """List a secret's versions, the current one first.

        Raises:
            NotFoundError: There is no such secret.
        """
        self._checked_name(name)
        found = self._versions(name)
        return [_shown(version, current=version is found[0]) for version in found]

    def set(self, name: str, new: NewValue, order: ChangeOrder) -> SecretAct:
        """Store a value.

        Raises:
            InvalidInputError: Name, value or content type break Key Vault's rules.
            ConflictError: A key that does not sign in, an identity without `force`, or a run holds the lock.
            BackendError: The storage that holds the lock failed.
        """
        spelling = self._checked_name(name)
        size = len(new.value.reveal().encode())
        if not 1 <= size <= MOST_BYTES:
            raise InvalidInputError(f"The value has {size:,} bytes; it may have 1 to {MOST_BYTES:,}.", field="Value")
        if len(new.content_type) > LONGEST_CONTENT_TYPE:
            raise InvalidInputError(
                f"The content type is longer than {LONGEST_CONTENT_TYPE} letters.", field="ContentType"
            )
        if new.expires is not None and new.expires < EPOCH:
            raise InvalidInputError("The vault knows no time before 1970.", field="Expires")
        _check_identity(name, force=order.force)
        with self._lock(name, order) as lock:
            proven = self._checked(name, new.value, force=order.force)
            what = f"a new version of '{spelling}'{_how(proven)}"
            if order.dry_run:
                return SecretAct(dry_run=True, would_do=[f"Store {what}."], name=spelling, proven=proven)
            lock.must_hold()
            stored = self._vault.store(name, new.value, tags={}, content_type=new.content_type, expires=new.expires)
            done = [f"Stored {what}.", *self._tidied(name), *lock.sentences]
        spelling = WITHHELD if spelling == WITHHELD else stored.name
        return SecretAct(dry_run=False, done=done, name=spelling, version=stored.version, proven=proven)

    def restore(self, name: str, version: str, order: ChangeOrder) -> SecretAct:
        """Make an old version's value current again; the new version's tags name the old one.

        Raises:
            NotFoundError: There is no such version.
            ConflictError: It is current already, a key that does not sign in, or a run holds the lock.
            BackendError: The storage that holds the lock failed.
        """
        _check_identity(name, force=order.force)
        self._checked_name(name)
        with self._lock(name, order) as lock:
            return self._restored(name, version, order, lock)

    def _restored(self, name: str, version: str, order: ChangeOrder, lock: ChangeLock) -> SecretAct:
        versions = self._versions(name)
        spelling = self._vault.spelled(name)
        old = next((found for found in versions if found.id.lower() == version.lower()), None)
        if old is None:
            raise NotFoundError(
                f"'{spelling}' has no such version. ListKeyVaultSecretVersions lists those that it has."
            )
        if old is versions[0]:
            raise ConflictError(f"Version {old.id} of '{spelling}' is the current one already.")
        if order.dry_run and _is_to_stay_disabled(old):
            would_do = [f"Enable version {old.id} of '{spelling}' for the read and disable it again."]
            if kind_of(name) and not order.force:
                would_do.append("Sign in with its value; it is stored only if that succeeds, which shows only then.")
            return SecretAct(dry_run=True, would_do=[*would_do, "Store its value again."], name=spelling)
        stored = self._read(name, old, lock)
        proven = self._checked(name, stored.value, force=order.force)
        what = f"the value of version {old.id} of '{spelling}'{_how(proven)}"
        if order.dry_run:
            return SecretAct(dry_run=True, would_do=[f"Store {what} again."], name=spelling, proven=proven)
        kept = {tag: text for tag, text in stored.tags.items() if tag == CREDENTIAL_ID}
        lock.must_hold()
        new = self._vault.store(
            name,
            stored.value,
            tags={RESTORED_FROM: old.id, **kept},
            content_type=stored.content_type or "",
            expires=stored.expires,
        )
        others = [found for found in left_enabled(versions) if found is not old]
        return SecretAct(
            dry_run=False,
            done=[f"Stored {what} again.", *disable_left_enabled(self._vault, name, others), *lock.sentences],
            name=new.name,
            version=new.version,
            proven=proven,
        )

    def recover(self, name: str, order: ChangeOrder) -> SecretAct:
        """Recover a deleted secret with all its versions, and report whether a key signs in.

        Raises:
            ConflictError: It is not deleted, CIPP's identity without `force`, or a run holds the lock.
            NotFoundError: No deleted secret has that name.
            BackendError: The storage that holds the lock failed.
        """
        self._checked_name(name)
        _check_identity(name, force=order.force)
        with self._lock(name, order) as lock:
            return self._recovered(name, order, lock)

    def _recovered(self, name: str, order: ChangeOrder, lock: ChangeLock) -> SecretAct:
        if any(found.lower() == name.lower() for found in self._vault.names()) and self._vault.has(name):
            raise ConflictError(f"{self._vault.quoted(name)} is not deleted.")
        if order.dry_run:
            spelling = self._vault.must_be_deleted(name)
            return SecretAct(dry_run=True, would_do=[f"Recover the deleted secret '{spelling}'."], name=spelling)
        lock.must_hold()
        spelling = self._vault.recover(name)
        done = " ".join([f"Recovered '{spelling}' with all its versions.", *self._tidied(name), *lock.sentences])
        if kind_of(name) is None:
            return SecretAct(dry_run=False, done=[done], name=spelling)
        if order.force:
            return SecretAct(
                dry_run=False, done=[f"{done} It is unproven, since Force is set."], name=name, proven=False
            )
        try:
            self._trial.try_key(name, self._vault.read(name).value)
        except BackendError as error:
            return SecretAct(dry_run=False, done=[f"{done} But it is unproven: {error}"], name=name, proven=False)
        return SecretAct(dry_run=False, done=[f"{done} It signs in."], name=name, proven=True)

    def _lock(self, name: str, order: ChangeOrder) -> AbstractContextManager[ChangeLock]:
        return lock_for_change(self._clients, name, by=order.by, dry_run=order.dry_run, force=order.force)

    def _versions(self, name: str) -> list[VaultVersion]:
        versions = self._vault.current_versions(name)
        if not versions:
            raise NotFoundError(f"The vault has no secret {quoted(name)}. ListKeyVaultSecrets lists those that it has.")
        return versions

    def _tidied(self, name: str) -> list[str]:
        """Disable what a restore that was cut left enabled. The change that came before stays as it is."""
        try:
            return disable_left_enabled(self._vault, name, left_enabled(self._vault.current_versions(name)))
        except BackendError as error:
            return [f"Whether an earlier restore left a version enabled is unknown. {error}"]

    def _checked_name(self, name: str) -> str:
        """Check a secret's name, and return it as messages show it.

        A key or a token may have the letters of a name: then the vault must have such a secret. A name that does not
        read like one is shown only if the vault has such a secret. If the list fails, it is not shown.

        Raises:
            InvalidInputError: It is not a name, or looks like a value. It is not repeated.
        """
        check_name(name)
        if is_like_a_name(name):
            return self._vault.spelled(name)
        try:
            known = {found.lower() for found in self._vault.names()}
        except BackendError:
            if is_like_a_key(name):
                raise
            return WITHHELD
        if is_like_a_key(name) and name.lower() not in known:
            raise InvalidInputError(
                "This looks like a key or a token, not like the name of a secret, and the vault has no such secret. "
                "Check whether Name and Value are swapped. A secret of such a name can be made in the portal.",
                field="Name",
            )
        return self._vault.spelled(name)

    def _read(self, name: str, version: VaultVersion, lock: ChangeLock) -> Stored:
        """Return a version with its value. A disabled one is enabled for the read, and disabled again after it.

        If this is cut in between, the mark on the version remains, and the next change or run disables it.
        """
        if not _is_to_stay_disabled(version):
            return self._vault.read(name, version.id)
        lock.must_hold()
        try:
            self._vault.enable_for_restore(name, version)
            stored = self._vault.read(name, version.id)
        except BackendError as error:
            try:
                self._vault.disable_again(name, version, once=True)
            except BackendError as second:
                error.args = (f"{error} Version {version.id} may be enabled now. {second}",)
            raise
        self._vault.disable_again(name, version)
        return stored

    def _checked(self, name: str, value: SecretText, *, force: bool) -> bool | None:
        """Prove a key by signing in; answer None where the secret is no key, False where `force` skips it.

        Raises:
            ConflictError: It does not sign in.
            InvalidInputError: It is no certificate, where it should be one.
            AzureError: Whether it signs in could not be seen.
        """
        if kind_of(name) is None:
            return None
        if force:
            return False
        try:
            self._trial.try_key(name, value)
        except SignInRefusedError as error:
            raise ConflictError(
                f"This value was not stored: it does not sign in. {error} Force: true stores it unproven."
            ) from error
        except InvalidInputError:
            raise
        except BackendError as error:
            error.args = (
                f"This value was not stored, since it could not be proven. {error} Force: true stores it unproven.",
            )
            raise
        return True


def _is_to_stay_disabled(version: VaultVersion) -> bool:
    """Return whether a version is disabled, or enabled only because an earlier restore of it was cut."""
    return not version.enabled or version.is_enabled_for_restore


def _check_identity(name: str, *, force: bool) -> None:
    if not force and name.lower() in (identity.lower() for identity in IDENTITY_NAMES):
        raise ConflictError(
            f"'{name}' decides who CIPP is: every key belongs to it. Repeat with Force: true if that is meant."
        )


def check_name(name: str) -> None:
    """Check a secret's name by Key Vault's rule.

    Raises:
        InvalidInputError: It breaks it.
    """
    if not re.fullmatch(NAME, name):
        # The name is not repeated: whoever mixes up the fields has put the value there.
        raise InvalidInputError(
            "This is not the name of a secret: it must have 1 to 127 letters, digits and dashes.", field="Name"
        )


def _how(proven: bool | None) -> str:
    if proven is None:
        return ""
    return ", which signs in" if proven else ", unproven since Force is set"


def _shown(version: VaultVersion, *, current: bool) -> SecretVersion:
    return SecretVersion(
        version=version.id,
        enabled=version.enabled,
        current=current,
        created=version.created,
        updated=version.updated,
        expires=version.expires,
        content_type=version.content_type,
        rotated_by=version.tags.get(ROTATED_BY),
        restored_from=version.tags.get(RESTORED_FROM),
    )
