"""Publish a new credential of the SAM app: create, verify, store, read back and verify again, or clean up.

The old one stays on the app, because CIPP keeps its keys in memory until it reads them again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.concurrency.rate_limiter import NoTimeLeftError
from backend.credentials.sign_in_check import NEW
from backend.errors import AzureError, BackendError
from backend.key_vault.secrets import Stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.tags import CREDENTIAL_ID
from backend.rotation.planning.certificate_mode import SecretUse
from backend.rotation.planning.ownership import credential_name
from backend.rotation.planning.plan import AppCredential, Rules
from backend.rotation.planning.version_history import Version, overwritten_foreign_version
from backend.rotation.running.context import OvertakenError, RunContext
from backend.rotation.running.versions import Fresh, planned, restored
from backend.sam_app.management_policy import AppPolicy, advised, exempt, read_app_policy
from backend.sam_app.registration import AppRegistration, Registration
from backend.sam_app.sign_in import Credential, SignInRefusedError
from backend.values import SecretText


@dataclass(frozen=True)
class NewCredential:
    """A credential that was just created: its id in Graph, the credential, and the value to store in the vault."""

    id: str
    credential: Credential
    value: SecretText
    expires: datetime


class CredentialKind(Protocol):
    """What differs between a client secret and a certificate.

    - `secret_name` is the vault secret that contains it.
    - `is_listed_enough`: a credential in Graph's list counts as valid unless its last try failed.
    - `needs_signer`: a request to create or remove one is signed with a valid one.
    - `locks_app`: its chores include the lock of the app's service principals.
    - `unwanted` are the ids that are left out if the whole list on the app must be written. They are the served one if
      Entra refused it for good, and those of this app that no version names.
    - `pruned` are the ids of which CIPP's weekly run removes what it finds on the app. They are never put back on it.
    """

    secret_name: str
    content_type: str
    rules: Rules
    is_listed_enough: bool
    needs_signer: bool
    locks_app: bool
    unwanted: frozenset[str]
    pruned: frozenset[str]

    def credentials(self, app: Registration, versions: Sequence[Version]) -> list[AppCredential]:
        """Return those on the app registration whose dates are known."""

    def identified(
        self, versions: Sequence[Version], in_vault: Sequence[VaultVersion], app: Registration
    ) -> list[Version]:
        """Return the versions with the credential of each, also of those that others stored."""

    def in_vault(self, vault_version: VaultVersion, version: Version) -> AppCredential | None:
        """Return the credential of a version from the vault's data alone, or None if that is not enough."""

    def credential_of(self, stored: Stored) -> Credential:
        """Return the credential of a version.

        Raises:
            InvalidInputError: The value can't be read as this kind of credential.
        """

    def create(self, app: Registration, name: str, over: str | None, signer: Credential | None) -> NewCredential:
        """Create a credential and put it on the app registration.

        `over` is the served version when this was planned. `signer` is a credential that can sign in.
        """

    def keep_theirs(self, app: Registration, over: str | None, made: Credential) -> None:
        """Add the credential that others stored over `over` to the app again, if creating the new one removed it.

        `made` is the new one, which is on the app.
        """

    def remove(self, app: Registration, credential_id: str, signer: Credential | None) -> bool:
        """Remove a credential from the app registration. Return whether it was removed."""


def publish(  # noqa: PLR0913 - what a publication needs
    run: RunContext,
    kind: CredentialKind,
    app: Registration,
    over: str | None,
    *,
    signer: Credential | None,
    going_back: bool,
) -> Stored:
    """Store a new credential over a version (None: the vault had none).

    With `going_back`, that version can sign in, and is stored again if the new one fails.

    Raises:
        OvertakenError: Another version was stored meanwhile, and stays.
        BackendError: Publishing failed. The message includes whether the new credential is still on the app.
    """
    name = kind.secret_name
    made = kind.create(app, credential_name(run.vault.name, run.id), over, signer)
    try:
        _verify(run, kind, made, over)
        fresh = Fresh(made.value, kind.content_type, made.expires, {CREDENTIAL_ID: made.id})
        stored = run.store(name, over, fresh)
    except BackendError as error:
        left = _left_on_app(run, kind, app, made, over=over, signer=signer)
        error.add_context(after=left.strip())
        raise
    try:
        run.check.sign_in(run.as_app(made.credential), age=NEW)
    except SignInRefusedError as refusal:
        if overwritten_foreign_version([planned(version) for version in run.versions(name, is_certain=True)]):
            raise OvertakenError(
                f"Another version of '{name}' was stored meanwhile, and Entra refuses the new {kind.rules.noun}. "
                f"{refusal}"
            ) from refusal
        if over and going_back:
            earlier = run.vault.read(name, over)
            run.store(name, stored.version, restored(earlier), repairs=True)
        raise
    except (AzureError, NoTimeLeftError):
        return stored  # it signed in several times before it was stored, so it stays
    return stored


def policy_for_new(
    run: RunContext,
    registration: AppRegistration,
    app: Registration,
    rules_of: Callable[[AppPolicy], Sequence[str]],
) -> AppPolicy:
    """Return what the tenant's policies allow the app. If one forbids a new credential, exempt the app from it.

    `rules_of` returns the rules that forbid it. Policies are changed only if KEY_ROTATION_MANAGE_POLICY is on. If CIPP
    signs in with its certificate, or that is unknown, the rules about client secrets stay.

    Raises:
        ConflictError: The lock is lost, or the tenant's policy may not be changed. The advice names the rules.
        AzureError: Graph refused or timed out.
    """
    policy = read_app_policy(registration.graph, app.object_id, app.created)
    rules = rules_of(policy)
    if rules and run.limits.key_rotation_manage_policy:
        run.lock.must_hold()
        with advised(policy, rules, app.object_id):
            exempt(registration.graph, app.object_id, policy, with_secrets=run.mode.use is SecretUse.RENEWED)
    return policy


def _verify(run: RunContext, kind: CredentialKind, made: NewCredential, over: str | None) -> None:
    """Sign in with the new credential several times in a row.

    Raises:
        OvertakenError: It was refused, and another version was stored meanwhile. CIPP's own job writes the whole list
            of certificates, and may have removed the new one.
        AzureError: It was refused until the time limit, or Entra timed out.
    """
    try:
        run.check.verify_new(run.as_app(made.credential))
    except SignInRefusedError as refusal:
        if run.served_version(kind.secret_name) != over:
            raise OvertakenError(
                f"Another version of '{kind.secret_name}' was stored meanwhile, and stays."
            ) from refusal
        raise


def _left_on_app(  # noqa: PLR0913 - what a publication needs
    run: RunContext,
    kind: CredentialKind,
    app: Registration,
    made: NewCredential,
    *,
    over: str | None,
    signer: Credential | None,
) -> str:
    """Remove the new credential from the app, unless the vault might have it. Return a sentence if it stays."""
    left = f" The new {kind.rules.noun} {made.id} is still on the app. A later run removes it when it is not needed."
    try:
        kind.keep_theirs(app, over, made.credential)
        if kind.secret_name in run.unsettled:
            return left  # the write may still take effect, and what the vault serves must be able to sign in
        run.lock.must_hold()
        return "" if kind.remove(app, made.id, signer or made.credential) else left
    except BackendError as error:
        return f"{left} ({error})"
