"""Manual changes of the vault's secrets. A key that the app rotates must sign in before it becomes current."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from backend.azure.clients import Clients
from backend.credentials.certificate_gate import LastRead, dropped, refuse_old, refuse_used
from backend.credentials.change_lock import ChangeLock, lock_for_change
from backend.credentials.changes import ChangeOrder, NewValue, SecretAct, SecretVersion
from backend.credentials.kinds import CERTIFICATE, IDENTITY_NAMES, SIGN_IN_NAMES
from backend.errors import (
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    joined,
)
from backend.key_vault.left_enabled import disable_left_enabled, left_enabled
from backend.key_vault.secrets import ROTATED_BY, Stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.tags import CREDENTIAL_ID, RESTORED_FROM
from backend.key_vault.vault import KeyVault
from backend.sam_app.sign_in import SignInRefusedError
from backend.text.quoting import WITHHELD, is_like_a_key, is_like_a_name, quoted
from backend.values import SecretText

if TYPE_CHECKING:
    from backend.credentials.trial import KeyTrial

NAME: Final = r"[0-9A-Za-z-]{1,127}"  # Key Vault's own rule
MOST_BYTES: Final = 25_600  # the same
LONGEST_CONTENT_TYPE: Final = 255  # the same
EPOCH: Final = datetime.fromtimestamp(0, UTC)
_UNVERIFIED: Final = "To store it without the sign-in check, set Force: true."


class SecretChanges:
    """The service of manual changes. Requires the vault's get, list, set, recover.

    A change of a secret that the rotation uses acquires the rotation's lock. See `lock_for_change`.
    """

    def __init__(self, clients: Clients, vault: KeyVault, trial: "KeyTrial", last_read: Callable[[], LastRead]) -> None:
        """`last_read` returns since when CIPP has its keys. It is called only if a change of a certificate needs it."""
        self._clients = clients
        self._vault = vault
        self._trial = trial
        self._last_read = last_read

    def versions(self, name: str) -> list[SecretVersion]:
        """Return a secret's versions, the current one first.

        Raises:
            NotFoundError: The vault does not have the secret.
        """
        self._checked_name(name)
        found = self._versions(name)
        return [_described(version, current=version is found[0]) for version in found]

    def set(self, name: str, new: NewValue, order: ChangeOrder) -> SecretAct:
        """Store a value.

        Raises:
            InvalidInputError: Name, value, content type or expiry break Key Vault's rules.
            ConflictError: The key can't sign in, CIPP's identity needs `force`, or a run owns the lock. Or CIPP might
                lose a certificate that it uses.
            BackendError: The lock's storage failed.
        """
        spelling = self._checked_name(name)
        size = len(new.value.reveal().encode())
        if not 1 <= size <= MOST_BYTES:
            raise InvalidInputError(
                f"Value must have 1 to {MOST_BYTES:,} bytes. The one sent has {size:,}.", field="Value"
            )
        if len(new.content_type) > LONGEST_CONTENT_TYPE:
            raise InvalidInputError(
                f"ContentType must have at most {LONGEST_CONTENT_TYPE} characters.", field="ContentType"
            )
        if new.expires is not None and new.expires < EPOCH:
            raise InvalidInputError("Expires must be 1970-01-01T00:00:00Z or later.", field="Expires")
        _check_identity(name, force=order.force)
        with self._lock(name, order) as lock:
            if _is_certificate(name) and not order.force:
                self._refuse_loss(self._vault.current_versions(name), None)
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
        """Make an old version's value current again. The new version's tags name the old one.

        Raises:
            NotFoundError: The secret does not have the version.
            ConflictError: The version is current already, the key can't sign in, or a run owns the lock. Or CIPP might
                lose a certificate that it uses, or has removed this one from its app.
            BackendError: The lock's storage failed.
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
                f"'{spelling}' does not have this version.", advice="ListKeyVaultSecretVersions lists its versions."
            )
        if old is versions[0]:
            raise ConflictError(f"Version {old.id} of '{spelling}' is already the current one.")
        if _is_certificate(name) and not order.force:
            refuse_old(old, versions)
            self._refuse_loss(versions, old)
        if order.dry_run and _is_to_stay_disabled(old):
            would_do = [f"Enable version {old.id} of '{spelling}' for the read and disable it again."]
            if self._trial.kind_of(name) and not order.force:
                would_do.append("Sign in with its value, and continue only if that succeeds. A dry run can't check it.")
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
        """Recover a deleted secret with all its versions, and report whether a key can sign in.

        Raises:
            ConflictError: It is not deleted, CIPP's identity needs `force`, or a run owns the lock.
            NotFoundError: No deleted secret has that name.
            BackendError: The lock's storage failed.
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
        recovered = f"Recovered '{spelling}' with all its versions. {self._vault.current_state(name)}"
        done = " ".join([recovered, *self._tidied(name), *lock.sentences])
        if self._trial.kind_of(name) is None:
            return SecretAct(dry_run=False, done=[done], name=spelling)
        if order.force:
            return SecretAct(
                dry_run=False, done=[f"{done} It is not verified, because Force is set."], name=name, proven=False
            )
        try:
            self._trial.try_key(name, self._vault.read(name).value)
        except BackendError as error:
            return SecretAct(dry_run=False, done=[f"{done} But it is not verified: {error}"], name=name, proven=False)
        return SecretAct(dry_run=False, done=[f"{done} It can sign in."], name=name, proven=True)

    def _refuse_loss(self, versions: Sequence[VaultVersion], restored: VaultVersion | None) -> None:
        """Check that CIPP's weekly run removes no certificate that CIPP might use, after a new version is stored.

        Raises:
            ConflictError: It might.
            BackendError: Since when CIPP has its keys could not be read.
        """
        if candidates := dropped(versions, restored):
            refuse_used(candidates, self._last_read())

    def _lock(self, name: str, order: ChangeOrder) -> AbstractContextManager[ChangeLock]:
        return lock_for_change(self._clients, name, by=order.by, dry_run=order.dry_run, force=order.force)

    def _versions(self, name: str) -> list[VaultVersion]:
        versions = self._vault.current_versions(name)
        if not versions:
            raise NotFoundError(
                f"Key Vault has no secret {quoted(name)}.",
                advice="ListKeyVaultSecrets lists the secrets. ExecKeyVaultSecretRecover recovers a deleted one.",
            )
        return versions

    def _tidied(self, name: str) -> list[str]:
        """Disable versions that an interrupted restore left enabled, and return sentences. It never raises."""
        try:
            return disable_left_enabled(self._vault, name, left_enabled(self._vault.current_versions(name)))
        except BackendError as error:
            return [f"Couldn't check whether an earlier restore left a version enabled. {error}"]

    def _checked_name(self, name: str) -> str:
        """Return a secret's name as messages show it, after a check.

        A key or a token may be a valid name: then the vault must have such a secret. A name that does not look like one
        is shown only if the vault has such a secret. If the list fails, it is not shown.

        Raises:
            InvalidInputError: The name is not valid, or looks like a value. It is not repeated.
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
                "Invalid secret name: it looks like a key or a token, and the vault has no such secret.",
                field="Name",
                advice="Check whether Name and Value are swapped. Create a secret with such a name in the portal.",
            )
        return self._vault.spelled(name)

    def _read(self, name: str, version: VaultVersion, lock: ChangeLock) -> Stored:
        """Return a version with its value. A disabled one is enabled for the read, and then disabled again.

        After an interruption, the mark on the version remains, and the next change or run disables it.
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
                error.add_context(after=f"Version {version.id} may be enabled now. {second}")
            raise
        self._vault.disable_again(name, version)
        return stored

    def _checked(self, name: str, value: SecretText, *, force: bool) -> bool | None:
        """Return True after a sign-in with a key, False if `force` skips the check, None for other secrets.

        Raises:
            ConflictError: The key can't sign in.
            InvalidInputError: The value must be a certificate, and is not one.
            AzureError: Whether the key can sign in is unknown.
        """
        if self._trial.kind_of(name) is None:
            return None
        if force:
            return False
        try:
            self._trial.try_key(name, value)
        except SignInRefusedError as error:
            raise ConflictError(
                f"This value was not stored: it can't sign in. {error.detail}",
                advice=joined(error.advice, _UNVERIFIED),
            ) from error
        except InvalidInputError:
            raise
        except BackendError as error:
            error.add_context(before="This value was not stored, because it could not be verified.")
            error.advice = joined(error.advice, _UNVERIFIED)
            raise
        return True


def _is_certificate(name: str) -> bool:
    return name.lower() == CERTIFICATE.lower()


def _is_to_stay_disabled(version: VaultVersion) -> bool:
    """Return whether a version is disabled, or enabled only because an earlier restore was interrupted."""
    return not version.enabled or version.is_enabled_for_restore


def _check_identity(name: str, *, force: bool) -> None:
    of_cipp = name.lower() in (identity.lower() for identity in IDENTITY_NAMES)
    if not force and (of_cipp or name.lower() in (identity.lower() for identity in SIGN_IN_NAMES)):
        whose = "CIPP's identity, which every key belongs to" if of_cipp else "the app with which users sign in to CIPP"
        raise ConflictError(
            f"'{name}' is {whose}.",
            advice="To change it anyway, repeat with Force: true.",
        )


def check_name(name: str) -> None:
    """Check a secret's name by Key Vault's rule.

    Raises:
        InvalidInputError: The name is not valid.
    """
    if not re.fullmatch(NAME, name):
        # The name is not repeated: it may be the value in the wrong field.
        raise InvalidInputError("Invalid secret name: use 1 to 127 letters, digits or hyphens.", field="Name")


def _how(proven: bool | None) -> str:
    if proven is None:
        return ""
    return ", which can sign in" if proven else ", not verified because Force is set"


def _described(version: VaultVersion, *, current: bool) -> SecretVersion:
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
