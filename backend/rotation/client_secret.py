"""Rotating the client secret: make one, prove it by signing in, store it, read it back, sign in once more.

The old one stays on the app: CIPP reads its keys once per process, and may hold it still.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.app_policy import advised, exempt, read_app_policy
from backend.app_registration import AppRegistration, ClientSecret, NewClientSecret, Registration
from backend.entra import Credential, SignInRefusedError
from backend.errors import AzureError, AzureRefusedError, AzureUnreachableError, BackendError
from backend.key_vault import KeyVault
from backend.rotation.keys import CLIENT_SECRET
from backend.rotation.lineage import Version
from backend.rotation.plan import (
    AppCredential,
    AppSeen,
    Disable,
    Leave,
    Lock,
    Moment,
    PutBack,
    Remove,
    Step,
    client_secret_step,
    superseded_ends,
)
from backend.rotation.proof import prove
from backend.rotation.run import Fresh, Run, planned, restored
from backend.rotation.tags import CREDENTIAL_ID, OUR_NAME
from backend.vault_secret import Version as VaultVersion

CONTENT_TYPE: Final = "text/plain; client secret"
REFUSED: Final = range(400, 500)  # of these Graph says that it did nothing


class ClientSecretWork:
    """The SAM app's client secret."""

    def __init__(self, run: Run, registration: AppRegistration, restarted: Callable[[], datetime | None]) -> None:
        """`restarted` answers since when every CIPP app runs, None if that is unknown."""
        self._run = run
        self._registration = registration
        self._judged = run.signer.secret_version
        self._signs_in = run.signer.secret_signs_in
        self._earlier = run.signer.earlier
        self._restarted = restarted
        self._dead: set[str] = set()
        self._adopted: dict[str, str | None] = {}
        self._seen: Registration | None = None
        self.served: str | None = None
        self.since: datetime | None = None
        self.ends: datetime | None = None
        self.superseded_ends: datetime | None = None

    def next_step(self, moment: Moment) -> Step:
        """Look at the app and the vault, and plan."""
        # First the vault: whoever stores a secret has put it on the app before.
        in_vault = self._run.versions(CLIENT_SECRET)
        self._seen = self._registration.read()
        self.served = in_vault[0].id if in_vault else None
        self._judge(in_vault)
        shown = [planned(version, dead=frozenset(self._dead)) for version in in_vault]
        versions = told_versions(self._run.vault, shown, self._seen.client_secrets, self._adopted)
        credentials = [app_credential(secret) for secret in self._seen.client_secrets]
        on_app = {credential.id.lower(): credential for credential in credentials}
        served = on_app.get((versions[0].credential_id or "").lower()) if versions else None
        self.since = versions[0].created if versions else None
        self.ends = served.ends if served else None
        self.superseded_ends = superseded_ends(versions, credentials, moment.now)
        if served and any(credential.ours and credential is not served for credential in credentials):
            moment = replace(moment, restarted=self._restarted())
        app = AppSeen(
            credentials=credentials,
            signs_in=self._signs_in,
            earlier=self._earlier,
            is_locked=self._seen.is_locked,
        )
        return client_secret_step(versions, app, moment)

    def do(self, step: Step) -> str | None:
        """Put back, remove, disable or renew."""
        if isinstance(step, PutBack):
            return self._put_back(step.version_id)
        if isinstance(step, Remove):
            self._run.held.must_hold()
            self._registration.remove_password(self._object_id, step.credential_id)
        elif isinstance(step, Disable):
            self._run.held.must_hold()
            self._run.vault.disable(CLIENT_SECRET, step.version_id)
        elif isinstance(step, Lock):
            self._run.held.must_hold()
            self._registration.lock(self._object_id)
        elif not isinstance(step, Leave):
            self._renew()
        return None

    def _judge(self, versions: Sequence[VaultVersion]) -> None:
        """Sign in with what the vault serves, where that is not what the run began with.

        Raises:
            ConflictError: Someone has set up another app: what is served is no longer this run's business.
        """
        if not versions or versions[0].id == self._judged:
            return
        if not versions[0].enabled:
            self._signs_in = False
            return
        self._run.refuse_if_another_app(CLIENT_SECRET)
        served = self._run.vault.read(CLIENT_SECRET, versions[0].id)
        self._judged, self._earlier = served.version, None
        self._signs_in = self._refusal(served.value) is None

    @property
    def _object_id(self) -> str:
        if self._seen is None:
            self._seen = self._registration.read()
        return self._seen.object_id

    def _put_back(self, version_id: str) -> str | None:
        """Store an earlier version again if it signs in at CIPP's app as it is now."""
        run = self._run.as_of_now()
        earlier = run.vault.read(CLIENT_SECRET, version_id)
        if refusal := self._refusal(earlier.value, run):
            self._dead.add(version_id)
            self._earlier = None
            return f"The earlier version {version_id} was not put back, for it does not sign in: {refusal}"
        stored = run.store(CLIENT_SECRET, self.served, restored(earlier, self._adopted.get(version_id)))
        self._judged, self._signs_in, self._earlier = stored.version, True, None
        return None

    def _refusal(self, credential: Credential, run: Run | None = None) -> SignInRefusedError | None:
        run = run or self._run
        try:
            run.entra.sign_in(run.as_app(credential))
        except SignInRefusedError as refusal:
            return refusal
        return None

    def _renew(self) -> None:
        run = self._run
        over, did_sign_in = self.served, self._signs_in
        made, is_sent = self._made(), False
        try:
            prove(run, made.text)
            is_sent = True
            fresh = Fresh(made.text, CONTENT_TYPE, made.ends, {CREDENTIAL_ID: made.key_id})
            stored = run.store(CLIENT_SECRET, over, fresh)
        except BackendError as error:
            raise self._given_up(error, made, is_sent=is_sent) from error
        self._judged, self._signs_in, self._earlier = stored.version, True, None
        try:
            prove(run, stored.value, count=1)
        except BackendError:
            if over and did_sign_in:
                earlier = run.vault.read(CLIENT_SECRET, over)
                run.store(CLIENT_SECRET, stored.version, restored(earlier, self._adopted.get(over)), repairs=True)
            raise

    def _made(self) -> NewClientSecret:
        """Make a client secret; one whose text never reached us is removed again, for nobody can use it."""
        run = self._run
        name = f"{OUR_NAME} {run.id}"
        policy = read_app_policy(self._registration.graph, self._object_id, self._seen.created if self._seen else None)
        if policy.blocks_secrets and run.clients.limits.key_rotation_manage_policy:
            run.held.must_hold()
            with advised(policy, policy.blocks_secrets, self._object_id):
                exempt(self._registration.graph, self._object_id, policy)
        life = min(timedelta(days=run.clients.limits.key_rotation_secret_lifetime_days), policy.secret_lifetime)
        run.held.must_hold()
        try:
            with advised(policy, policy.blocks_secrets, self._object_id):
                return self._registration.add_password(
                    self._object_id, display_name=name, ends=run.vault.now().replace(microsecond=0) + life
                )
        except AzureRefusedError as error:
            if error.status not in REFUSED:
                self._remove_named(name)
            raise
        except AzureError:
            self._remove_named(name)
            raise

    def _remove_named(self, name: str) -> None:
        for secret in self._registration.read().client_secrets:
            if secret.display_name == name:
                self._run.held.must_hold()
                self._registration.remove_password(self._object_id, secret.key_id)

    def _given_up(self, error: BackendError, made: NewClientSecret, *, is_sent: bool) -> BackendError:
        """Remove what was made, unless the vault has it, may yet get it, or does not tell; say what became of it."""
        left = f" The new secret {made.key_id} is still on the app: a later run removes it when nothing needs it."
        try:
            versions = self._run.vault.versions(CLIENT_SECRET)
            is_needed = any(version.tags.get(CREDENTIAL_ID) == made.key_id for version in versions)
            # A store that was cut off may still be on its way, and what the vault serves must sign in.
            if not is_needed and not (is_sent and isinstance(error, AzureUnreachableError)):
                self._run.held.must_hold()
                self._registration.remove_password(self._object_id, made.key_id)
                left = ""
        except BackendError as second:
            left = f"{left} ({second})"
        error.args = (f"{error}{left}",)
        return error


def told_versions(
    vault: KeyVault,
    versions: Sequence[Version],
    secrets: Sequence[ClientSecret],
    known: dict[str, str | None] | None = None,
) -> list[Version]:
    """Adopt what others stored: tell their versions' credentials by hint and dates; `known` keeps what was told."""
    known = {} if known is None else known
    told = []
    for version in versions:
        if version.credential_id is not None or not version.enabled:
            told.append(version)
            continue
        if version.id not in known:
            hint = vault.read(CLIENT_SECRET, version.id).value.reveal()[:3]
            known[version.id] = credential_told_by(hint, version.created, secrets)
        told.append(replace(version, credential_id=known[version.id]))
    return told


def credential_told_by(hint: str, stored: datetime, secrets: Sequence[ClientSecret]) -> str | None:
    """Tell which credential a stored value is, by its first three characters and its dates.

    The vault's times have whole seconds, and who stores a secret may take its time: the one that was made before
    it was stored counts, if its hint fits and no other's does. "" if it is none of the app's, None if it is not sure.
    """
    may_be = [secret for secret in secrets if secret.hint in (hint, None)]
    fitting = [s for s in may_be if s.hint == hint and s.starts.replace(microsecond=0) <= stored]
    if not may_be:
        return ""
    return fitting[0].key_id if len(fitting) == 1 else None


def app_credential(secret: ClientSecret) -> AppCredential:
    """Show a client secret to the plan."""
    return AppCredential(
        id=secret.key_id,
        starts=secret.starts,
        ends=secret.ends,
        ours=secret.is_complete and secret.display_name.startswith(OUR_NAME),
    )
