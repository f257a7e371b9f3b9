"""Rotating the client secret: make one, prove it by signing in, store it, read it back, sign in once more.

The old one stays on the app: CIPP reads its keys once per process, and may hold it still.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.app_policy import command_for, exempt, read_app_policy
from backend.app_registration import AppRegistration, ClientSecret, NewClientSecret, Registration
from backend.entra import Credential
from backend.errors import AzureError, AzureRefusedError, BackendError, NotFoundError
from backend.key_vault import Stored
from backend.key_vault import Version as VaultVersion
from backend.rotation.keys import CLIENT_SECRET
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
    Version,
    client_secret_step,
)
from backend.rotation.proof import prove
from backend.rotation.run import CREDENTIAL_ID, OUR_NAME, Fresh, Run, planned, restored
from backend.uptime import Uptimes

CONTENT_TYPE: Final = "text/plain; client secret"
REFUSED: Final = range(400, 500)  # of these Graph says that it did nothing


class ClientSecretWork:
    """The SAM app's client secret."""

    def __init__(
        self, run: Run, registration: AppRegistration, *, signs_in: bool, earlier: str | None, uptimes: Uptimes
    ) -> None:
        self._run = run
        self._registration = registration
        self._signs_in = signs_in
        self._earlier = earlier
        self._uptimes = uptimes
        self._dead: set[str] = set()
        self._adopted: dict[str, str | None] = {}
        self._seen: Registration | None = None
        self.ends: datetime | None = None
        self.superseded_ends: datetime | None = None

    def next_step(self, moment: Moment) -> Step:
        """Look at the app and the vault, and plan."""
        self._seen = self._registration.read()
        versions = self._versions(self._run.vault.versions(CLIENT_SECRET), self._seen.client_secrets)
        credentials = [_planned(secret) for secret in self._seen.client_secrets]
        on_app = {credential.id.lower(): credential for credential in credentials}
        served = on_app.get((versions[0].credential_id or "").lower()) if versions else None
        self.ends = served.ends if served else None
        if served and any(credential.ours and credential is not served for credential in credentials):
            moment = replace(moment, restarted=self._restarted(moment.now))
        app = AppSeen(
            credentials=credentials,
            signs_in=self._signs_in,
            earlier=self._earlier,
            is_locked=self._seen.is_locked,
        )
        return client_secret_step(versions, app, moment)

    def do(self, step: Step) -> None:
        """Put back, remove, disable or renew."""
        if isinstance(step, PutBack):
            self._put_back(step.version_id)
        elif isinstance(step, Remove):
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

    def _restarted(self, now: datetime) -> datetime | None:
        """Answer since when every CIPP app has run at the least; None if one of them does not tell."""
        uptimes = self._uptimes.uptimes()
        since = [now if uptime.idle else uptime.since for uptime in uptimes]
        known = [start for start in since if start]
        return min(known) if known and len(known) == len(since) else None

    @property
    def _object_id(self) -> str:
        if self._seen is None:
            self._seen = self._registration.read()
        return self._seen.object_id

    def _versions(self, versions: Sequence[VaultVersion], secrets: Sequence[ClientSecret]) -> list[Version]:
        """Show the versions to the plan; what others stored is adopted: its credential told by hint and dates."""
        shown = []
        for version in versions:
            known = planned(version, dead=frozenset(self._dead))
            if known.credential_id is None and version.enabled:
                known = replace(known, credential_id=self._adopt(version, secrets))
            shown.append(known)
        return shown

    def _adopt(self, version: VaultVersion, secrets: Sequence[ClientSecret]) -> str | None:
        if version.id not in self._adopted:
            value = self._run.vault.read(CLIENT_SECRET, version.id).value
            self._adopted[version.id] = credential_told_by(value.reveal()[:3], version.created, secrets)
        return self._adopted[version.id]

    def _put_back(self, version_id: str) -> None:
        run = self._run
        theirs = run.vault.read(CLIENT_SECRET, version_id)
        if not self._does_sign_in(theirs.value):
            self._dead.add(version_id)
            return
        served = _served(run)
        run.store(CLIENT_SECRET, served, restored(theirs, self._adopted.get(version_id)))
        self._signs_in, self._earlier = True, None

    def _does_sign_in(self, credential: Credential) -> bool:
        try:
            self._run.entra.sign_in(self._run.as_app(credential))
        except AzureRefusedError:
            return False
        return True

    def _renew(self) -> None:
        run = self._run
        served = _served(run)
        self.superseded_ends = self.ends
        made = self._made()
        try:
            prove(run, made.text)
            fresh = Fresh(made.text, CONTENT_TYPE, made.ends, {CREDENTIAL_ID: made.key_id})
            stored = run.store(CLIENT_SECRET, served, fresh)
        except BackendError as error:
            raise self._given_up(error, made) from error
        try:
            prove(run, stored.value, count=1)
        except BackendError as error:
            if served:
                earlier = restored(served, self._adopted.get(served.version))
                run.store(CLIENT_SECRET, stored, earlier, repairs=True)
            raise self._given_up(error, made) from error
        self._signs_in, self._earlier = True, None

    def _made(self) -> NewClientSecret:
        """Make a client secret; one whose text never reached us is removed again, for nobody can use it."""
        run = self._run
        name = f"{OUR_NAME} {run.id}"
        policy = read_app_policy(self._registration.graph, self._object_id, self._seen.created if self._seen else None)
        if policy.blocks_secrets and run.clients.limits.key_rotation_manage_policy:
            exempt(self._registration.graph, self._object_id, policy)
        life = min(timedelta(days=run.clients.limits.key_rotation_secret_lifetime_days), policy.secret_lifetime)
        run.held.must_hold()
        try:
            return self._registration.add_password(
                self._object_id, display_name=name, ends=run.vault.now().replace(microsecond=0) + life
            )
        except AzureRefusedError as error:
            if policy.blocks_secrets:
                error.advice = (
                    f"The tenant's app management policy forbids it. Lift it: {command_for(policy, self._object_id)}"
                )
            if error.status not in REFUSED:
                self._remove_named(name)
            raise
        except AzureError:
            self._remove_named(name)
            raise

    def _remove_named(self, name: str) -> None:
        for secret in self._registration.read().client_secrets:
            if secret.display_name == name:
                self._registration.remove_password(self._object_id, secret.key_id)

    def _given_up(self, error: BackendError, made: NewClientSecret) -> BackendError:
        """Remove what was made, unless the vault serves it or does not tell; say what became of it."""
        try:
            served = _served(self._run)
            is_served = served is not None and served.value == made.text
            if not is_served:
                self._registration.remove_password(self._object_id, made.key_id)
            left = " The vault serves the new secret, so it was kept." if is_served else ""
        except BackendError as second:
            left = f" The new secret {made.key_id} is still on the app; the next run removes it. ({second})"
        error.args = (f"{error}{left}",)
        return error


def credential_told_by(hint: str, stored: datetime, secrets: Sequence[ClientSecret]) -> str | None:
    """Tell which credential a stored value is, by its first three characters and its dates; None if it is not sure.

    The vault's times have whole seconds, and who stores a secret may take its time: the newest that was made
    before it was stored counts, if its hint fits and no other's does.
    """
    fitting = [s for s in secrets if s.hint == hint and s.starts.replace(microsecond=0) <= stored]
    return fitting[0].key_id if len(fitting) == 1 else None


def _served(run: Run) -> Stored | None:
    try:
        return run.vault.read(CLIENT_SECRET)
    except NotFoundError:
        return None


def _planned(secret: ClientSecret) -> AppCredential:
    return AppCredential(
        id=secret.key_id, starts=secret.starts, ends=secret.ends, ours=secret.display_name.startswith(OUR_NAME)
    )
