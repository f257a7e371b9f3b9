"""Publishing a new credential of the SAM app: create, verify, store, read back, verify once more, or clean up.

The old one stays on the app: CIPP reads its keys once per process, and may hold it still.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.app_registration import Registration
from backend.entra import Credential, SignInRefusedError
from backend.errors import AzureError, BackendError
from backend.pace import NoTimeLeftError
from backend.rotation.lineage import Version, someone_elses_under_ours
from backend.rotation.ownership import credential_name
from backend.rotation.plan import AppCredential, Rules
from backend.rotation.run import Fresh, OvertakenError, Run, planned, restored
from backend.rotation.sign_in_check import NEW
from backend.rotation.tags import CREDENTIAL_ID
from backend.values import SecretText
from backend.vault_secret import Stored
from backend.vault_secret import Version as VaultVersion


@dataclass(frozen=True)
class NewCredential:
    """A credential that was just created: its id in Graph, what signs in, and what the vault is to hold."""

    id: str
    credential: Credential
    value: SecretText
    expires: datetime


class CredentialKind(Protocol):
    """What differs between a client secret and a certificate. `secret_name` is the vault secret that holds it.

    `is_listed_enough`: one that Graph lists is taken for valid unless there is a doubt. `needs_signer`: a request to
    create or remove one is signed with one that is valid. `locks_app`: the lock of the app's service principals is
    turned on along with it. `unwanted` are the ids of what is not written to the app again if a list of all must be
    written: the served one if Entra refused it for good, and those of this app that no version names.
    """

    secret_name: str
    content_type: str
    rules: Rules
    is_listed_enough: bool
    needs_signer: bool
    locks_app: bool
    unwanted: frozenset[str]

    def credentials(self, app: Registration, versions: Sequence[Version]) -> list[AppCredential]:
        """Return those on the app registration whose dates are known."""

    def identified(
        self, versions: Sequence[Version], in_vault: Sequence[VaultVersion], app: Registration
    ) -> list[Version]:
        """Return the versions with the credential that each holds, also if others stored it."""

    def in_vault(self, version: VaultVersion, shown: Version) -> AppCredential | None:
        """Return the credential of a version as the vault alone shows it; None if that is not enough."""

    def credential_of(self, stored: Stored) -> Credential:
        """Return what a version holds.

        Raises:
            InvalidInputError: It cannot be read as this kind of credential.
        """

    def create(self, app: Registration, name: str, over: str | None, signer: Credential | None) -> NewCredential:
        """Create a credential and put it on the app registration.

        `over` is the version that the vault served when it was planned, `signer` what it holds if that signs in.
        """

    def keep_theirs(self, app: Registration, over: str | None, made: Credential) -> None:
        """Put what others stored over `over` on the app again, if creating this one has removed it there.

        `made` is the new one, which is on the app.
        """

    def remove(self, app: Registration, credential_id: str, signer: Credential | None) -> bool:
        """Remove a credential from the app registration. Return whether it is gone."""


def publish(  # noqa: PLR0913 - all that a publication is given
    run: Run, kind: CredentialKind, app: Registration, over: str | None, *, signer: Credential | None, going_back: bool
) -> Stored:
    """Put a new credential on top of a version (None: there was none). With `going_back`, that one signs in.

    Raises:
        OvertakenError: Someone else stored one meanwhile, and theirs stays.
        BackendError: What failed. The message says whether the new credential is still on the app.
    """
    name = kind.secret_name
    made = kind.create(app, credential_name(run.vault.name, run.id), over, signer)
    try:
        _verify(run, kind, made, over)
        fresh = Fresh(made.value, kind.content_type, made.expires, {CREDENTIAL_ID: made.id})
        stored = run.store(name, over, fresh)
    except BackendError as error:
        left = _left_on_app(run, kind, app, made, over=over, signer=signer)
        error.args = (f"{error}{left}",)
        raise
    try:
        run.check.sign_in(run.as_app(made.credential), age=NEW)
    except SignInRefusedError as refusal:
        if someone_elses_under_ours([planned(version) for version in run.versions(name, is_certain=True)]):
            raise OvertakenError(
                f"Someone else stored '{name}' meanwhile, and Entra refuses the new {kind.rules.noun}. {refusal}"
            ) from refusal
        if over and going_back:
            earlier = run.vault.read(name, over)
            run.store(name, stored.version, restored(earlier), repairs=True)
        raise
    except (AzureError, NoTimeLeftError):
        return stored  # it signed in several times before it was stored, so it is left there
    return stored


def _verify(run: Run, kind: CredentialKind, made: NewCredential, over: str | None) -> None:
    """Sign in with the new credential several times in a row.

    Raises:
        OvertakenError: It was refused, and someone else has stored one meanwhile: CIPP's own job writes the whole list
            of certificates, and may have written over the new one.
        AzureError: It was refused until the time was over, or Entra timed out.
    """
    try:
        run.check.verify_new(run.as_app(made.credential))
    except SignInRefusedError as refusal:
        if run.served_version(kind.secret_name) != over:
            raise OvertakenError(f"Someone else stored '{kind.secret_name}' meanwhile; theirs stays.") from refusal
        raise


def _left_on_app(  # noqa: PLR0913 - all that a publication is given
    run: Run,
    kind: CredentialKind,
    app: Registration,
    made: NewCredential,
    *,
    over: str | None,
    signer: Credential | None,
) -> str:
    """Take the new credential off the app, unless the vault has it or may get it; return what became of it."""
    left = f" The new {kind.rules.noun} {made.id} is still on the app: a later run removes it when nothing needs it."
    try:
        kind.keep_theirs(app, over, made.credential)
        if kind.secret_name in run.unsettled:
            return left  # the store may be on its way, and what the vault serves must sign in
        run.held.must_hold()
        return "" if kind.remove(app, made.id, signer or made.credential) else left
    except BackendError as error:
        return f"{left} ({error})"
