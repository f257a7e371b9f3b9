"""The part of the rotation that is specific to a client secret: the SAM app's, and that of CIPP's sign-in app.

See also `credential_work`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.credentials.kinds import CLIENT_SECRET, SIGN_IN_SECRET
from backend.errors import AzureError, NotFoundError, changed_nothing
from backend.key_vault.secrets import Stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.vault import DisabledError
from backend.rotation.planning.ownership import is_own
from backend.rotation.planning.plan import AppCredential, Rules, third_of_life
from backend.rotation.planning.version_history import Version
from backend.rotation.running.context import RunContext
from backend.rotation.running.publish import NewCredential, policy_for_new
from backend.sam_app.client_secret import credential_by_hint
from backend.sam_app.management_policy import advised
from backend.sam_app.registration import AppRegistration, NewClientSecret, Registration
from backend.sam_app.sign_in import Credential

MOST_LIVE: Final = 6  # one a week, each for an overlap of 30 days


class ClientSecretKind:
    """The client secret. Graph shows its text only once, and later only the first three characters."""

    secret_name: str = CLIENT_SECRET
    content_type: str = "text/plain; client secret"
    rules: Rules = Rules("client secret", MOST_LIVE, ages=True, near_end=lambda _served, on_app: third_of_life(on_app))
    is_listed_enough: bool = False
    needs_signer: bool = False
    locks_app: bool = True

    def __init__(self, run: RunContext, registration: AppRegistration) -> None:
        self._run = run
        self._registration = registration
        self.unwanted: frozenset[str] = frozenset()
        self.pruned: frozenset[str] = frozenset()
        self._adopted: dict[str, str | None] = {}

    def credentials(self, app: Registration, versions: Sequence[Version]) -> list[AppCredential]:
        """Return the client secrets whose dates Graph shows."""
        return [
            AppCredential(
                id=secret.key_id,
                starts=secret.starts,
                ends=secret.ends,
                is_own=secret.is_complete
                and is_own(secret.display_name, secret.key_id, self._run.vault.name, versions),
                name=secret.display_name,
            )
            for secret in app.client_secrets
        ]

    def identified(
        self,
        versions: Sequence[Version],
        in_vault: Sequence[VaultVersion],  # noqa: ARG002 - only a certificate needs it
        app: Registration,
    ) -> list[Version]:
        """Return the versions with the keyId of each, from its tag, or from the hint and the dates that Graph shows."""
        return [self._identified(version, app) for version in versions]

    def in_vault(self, vault_version: VaultVersion, version: Version) -> AppCredential | None:
        """Return the client secret of a version that this app stored. For others the vault does not show the expiry."""
        if not (version.is_own and version.credential_id and vault_version.expires):
            return None
        return AppCredential(
            id=version.credential_id, starts=vault_version.created, ends=vault_version.expires, is_own=True
        )

    def credential_of(self, stored: Stored) -> Credential:
        """Return the text of a client secret."""
        return stored.value

    def create(
        self,
        app: Registration,
        name: str,
        over: str | None,  # noqa: ARG002 - only a certificate needs it
        signer: Credential | None,  # noqa: ARG002 - the same
    ) -> NewCredential:
        """Create a client secret. If its text did not arrive, it can't be used, and is removed again.

        Raises:
            AzureError: Graph refused or timed out. The advice names the tenant's policy if that forbids it.
            ConflictError: The lock is lost, or the tenant's policy may not be changed.
        """
        run = self._run
        policy = policy_for_new(run, self._registration, app, lambda policy: policy.blocks_secrets)
        life = min(timedelta(days=run.limits.key_rotation_secret_lifetime_days), policy.secret_lifetime)
        run.lock.must_hold()
        try:
            with advised(policy, policy.blocks_secrets, app.object_id):
                made = self._added(app, name, run.vault.now().replace(microsecond=0) + life)
        except AzureError as error:
            if not changed_nothing(error):
                self._remove_named(app, name)
            raise
        return NewCredential(made.key_id, made.text, made.text, made.ends)

    def keep_theirs(self, app: Registration, over: str | None, made: Credential) -> None:
        """Do nothing, because a new client secret does not affect the others."""

    def remove(
        self,
        app: Registration,
        credential_id: str,
        signer: Credential | None,  # noqa: ARG002 - only a certificate needs it
    ) -> bool:
        """Remove a client secret."""
        self._registration.remove_password(app.object_id, credential_id)
        return True

    def _added(self, app: Registration, name: str, ends: datetime) -> NewClientSecret:
        return self._registration.add_password(app.object_id, display_name=name, ends=ends)

    def _remove_named(self, app: Registration, name: str) -> None:
        for secret in self._registration.read().client_secrets:
            if secret.display_name == name:
                self._run.lock.must_hold()
                self._registration.remove_password(app.object_id, secret.key_id)

    def _identified(self, version: Version, app: Registration) -> Version:
        if version.credential_id is not None or not version.enabled:
            return version
        if self._adopted.get(version.id) in (None, ""):  # a list from a minute ago may not have it yet
            try:
                hint = self._run.vault.read(self.secret_name, version.id).value.reveal()[:3]
            except (DisabledError, NotFoundError):  # the list that showed it as enabled was outdated
                return replace(version, enabled=False)
            self._adopted[version.id] = credential_by_hint(hint, version.created, app.client_secrets)
        return replace(version, credential_id=self._adopted[version.id])


class SignInSecretKind(ClientSecretKind):
    """The secret of CIPP's sign-in app. It is renewed only before it expires, and no job of CIPP renews it.

    Old ones stay for their whole overlap, because a session of a user may depend on them.
    """

    secret_name: str = SIGN_IN_SECRET
    content_type: str = "text/plain; secret of the sign-in"
    rules: Rules = Rules(
        "secret of the sign-in",
        MOST_LIVE,
        ages=False,
        near_end=lambda _served, on_app: third_of_life(on_app),
        keeps_excess=True,
    )
    is_listed_enough: bool = True
    locks_app: bool = False
