"""Rotate the SAM app's client secret or certificate. `CredentialKind` has what differs between the two."""

from dataclasses import replace
from typing import Final

from backend.credentials.kinds import CLIENT_SECRET, Validity
from backend.credentials.sign_in_check import Judgement
from backend.credentials.signer import EARLIER_TRIED
from backend.errors import AzureRefusedError, ConflictError, InvalidInputError, NotFoundError
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.vault import DisabledError
from backend.rotation.planning.certificate_mode import SecretUse
from backend.rotation.planning.plan import (
    NEAR_END,
    Disable,
    Leave,
    Lock,
    Moment,
    PutBack,
    Remove,
    Renew,
    Seen,
    Step,
    credential_chores,
    credential_of,
    credential_step,
    superseded_ends,
)
from backend.rotation.planning.version_history import pruned_ids
from backend.rotation.running.context import OvertakenError, RunContext
from backend.rotation.running.publish import CredentialKind, publish
from backend.rotation.running.reconcile import KeyFacts
from backend.rotation.running.versions import planned, restored
from backend.sam_app.client_secret import UNKNOWN_END
from backend.sam_app.management_policy import AppPolicy, read_app_policy
from backend.sam_app.registration import AppRegistration, Registration
from backend.sam_app.sign_in import Credential, SignInRefusedError

CHANGED_MEANWHILE: Final = (
    "{credential} was not removed from the app, because the versions in the vault changed meanwhile."
)


class CredentialWork:
    """The SAM app's client secret or certificate."""

    def __init__(
        self,
        run: RunContext,
        registration: AppRegistration,
        kind: CredentialKind,
        *,
        doubted: bool = False,
    ) -> None:
        """`doubted`: it failed its last try, so it is checked even if no step is needed."""
        self._run = run
        self._registration = registration
        self._kind = kind
        self._doubted = doubted
        self._refused: set[str] = set()  # versions that this run did not store again
        self._judged: dict[str, Judgement] = {}
        signer = run.sign_in.signer
        if not kind.is_listed_enough and signer.secret_version:
            self._judged[signer.secret_version] = Judgement(signer.secret, signer.refusal)
        self._earlier = None if kind.is_listed_enough else signer.earlier
        self._app: Registration | None = None
        self._in_vault: list[VaultVersion] = []
        self.seen = Seen()
        self.facts = KeyFacts()

    def look(self, moment: Moment) -> Seen:
        """Read the vault and the app, and check the served credential if its state is unknown.

        Raises:
            ConflictError: Another app was set up, so the served credential is not that of this run's app.
            SignInRefusedError: Entra refused the served one for a reason other than the credential.
            AzureError: Key Vault, Graph or Entra timed out or refused.
        """
        kind = self._kind
        # The vault first, because a credential is added to the app before it is stored.
        self._in_vault = self._run.versions(kind.secret_name, is_certain=True)
        self._app = app = self._registration.read()
        tagged = [planned(version, refused=frozenset(self._refused)) for version in self._in_vault]
        versions = kind.identified(tagged, self._in_vault, app)
        credentials = kind.credentials(app, versions)
        served = self._in_vault[0] if self._in_vault else None
        self.facts = replace(
            self.facts, version=served.id if served else None, since=served.created if served else None
        )
        seen = Seen(versions=versions, credentials=credentials, is_locked=app.is_locked or not kind.locks_app)
        if versions:
            seen = self._with_served(seen, moment)
        self.seen = seen
        self.facts = replace(self.facts, ends=seen.ends, superseded_ends=superseded_ends(seen, moment.now))
        return seen

    def next_step(self, moment: Moment) -> Step:
        """Read the state, and plan the essential step.

        Raises:
            ConflictError: The client secret can't sign in, and CIPP's flag for certificate-only mode can't be read. So
                it is not known whether CIPP wants a new one.
        """
        seen = self.look(moment)
        if self._in_vault and self._in_vault[0].managed:
            return self._leave_to_key_vault(moment)
        step = credential_step(seen, self._with_apps(moment), self._kind.rules)
        if isinstance(step, Leave) and moment.mode.problem and seen.validity is Validity.REVOKED:
            raise ConflictError(
                f"The current version can't sign in, and was not repaired. {moment.mode.reason}",
                advice="Check CIPP_STORAGE and this app's role on CIPP's storage. Or use ExecKeyVaultSecretSet to "
                "store a client secret that can sign in.",
            )
        return step

    def chores(self, moment: Moment) -> list[Step]:
        """Return the chores, by the last state that was read."""
        if self._in_vault and self._in_vault[0].managed:
            return []
        return credential_chores(self.seen, self._with_apps(moment), self._kind.rules)

    def do(self, step: Step) -> str | None:
        """Do a step. Return the reason if it was not done after all."""
        name = self._kind.secret_name
        match step:
            case PutBack(version_id=version):
                return self._put_back(version)
            case Remove(credential_id=credential):
                return self._remove(credential)
            case Renew():
                self._renew()
            case Disable(version_id=version):
                self._run.lock.must_hold()
                self._run.vault.disable(name, version)
            case Lock():
                self._run.lock.must_hold()
                self._registration.lock(self._registration_seen.object_id)
        return None

    def policy(self) -> AppPolicy:
        """Return what the tenant's policies allow the app."""
        seen = self._registration_seen
        return read_app_policy(self._registration.graph, seen.object_id, seen.created)

    @property
    def _registration_seen(self) -> Registration:
        if self._app is None:
            self._app = self._registration.read()
        return self._app

    def _with_served(self, seen: Seen, moment: Moment) -> Seen:
        """Add the state of the served credential."""
        vault_version, version = self._in_vault[0], seen.versions[0]
        listed = credential_of(version, seen.credentials)
        try:
            in_vault = self._kind.in_vault(vault_version, version)
        except InvalidInputError:
            return replace(seen, is_readable=False, validity=Validity.REVOKED)
        judgement = self._judgement(vault_version, moment, is_listed=listed is not None)
        return replace(
            seen,
            served=listed or in_vault,
            validity=judgement.validity,
            refusal=judgement.refusal,
            earlier=self._earlier,
            ends=min((one.ends for one in (listed, in_vault) if one and one.ends < UNKNOWN_END), default=None),
        )

    def _judgement(self, version: VaultVersion, moment: Moment, *, is_listed: bool) -> Judgement:
        """Return whether the served version can sign in. Each version is checked once a run."""
        if version.id in self._judged:
            return self._judged[version.id]
        if self._kind.secret_name == CLIENT_SECRET and self._run.mode.use is SecretUse.ABSENT:
            return Judgement(Validity.REVOKED)  # the template's placeholder
        if not version.enabled:
            return Judgement(Validity.REVOKED, "It is disabled.")
        if is_listed and self._kind.is_listed_enough and not (self._doubted or moment.force):
            return Judgement(Validity.VALID)
        run = self._run
        run.refuse_if_another_app(self._kind.secret_name)
        try:
            stored = run.vault.read(self._kind.secret_name, version.id)
        except DisabledError:
            return Judgement(Validity.REVOKED, "It is disabled.")
        judgement = run.check.judge(run.as_app(self._kind.credential_of(stored)), age=run.age_of(version.created))
        self._judged[version.id], self._earlier = judgement, None
        self._doubted = False
        return judgement

    def _with_apps(self, moment: Moment) -> Moment:
        """Add since when CIPP's apps have their keys, if it matters.

        It does if this app created a credential, or if CIPP's weekly run would remove a version that they might use.
        """
        versions = self.seen.versions
        is_own = bool(versions) and versions[0].is_own
        may_be_pruned = self._kind.rules.prunes and len(versions) > 1
        if not is_own and not may_be_pruned and not any(credential.is_own for credential in self.seen.credentials):
            return moment
        outdated = self._run.uptimes.not_restarted_since(self.facts.since) if self.facts.since else []
        apps = None if outdated is None else tuple(outdated)
        how = self._run.services.processes.advice(apps) if apps else ""
        return replace(moment, restarted=self._run.uptimes.all_since(moment.now), outdated=apps, how=how)

    def _signer(self) -> Credential | None:
        """Return a credential that can sign requests now: the served one, else an earlier one."""
        if not self._kind.needs_signer:
            return None
        for version in self._in_vault[: 1 + EARLIER_TRIED]:
            if not version.enabled or version.is_enabled_for_restore:
                continue
            try:
                credential = self._kind.credential_of(self._run.vault.read(self._kind.secret_name, version.id))
                self._run.check.entra.sign_in(self._run.as_app(credential))
            except (AzureRefusedError, NotFoundError, InvalidInputError):
                continue
            return credential
        return None

    def _leave_to_key_vault(self, moment: Moment) -> Step:
        """Leave a Key Vault certificate, because a secret can't be stored over it."""
        name, ends = self._kind.secret_name, self.seen.ends
        if ends and ends - moment.now > NEAR_END and self.seen.validity is Validity.VALID:
            return Leave(f"Stored as a Key Vault certificate, which expires on {ends:%Y-%m-%d}.")
        raise ConflictError(
            f"Couldn't renew '{name}': it is stored as a Key Vault certificate, and this app stores secrets only.",
            advice=f"Let CIPP renew it, or let this app's identity import certificates: az keyvault set-policy --name "
            f"{self._run.vault.name} --object-id <its object id> --certificate-permissions get list import",
        )

    def _renew(self) -> None:
        was_valid, over = self.seen.validity is Validity.VALID, self.facts.version
        self._kind.unwanted = self._unwanted()
        self._kind.pruned = pruned_ids(self.seen.versions)
        try:
            stored = publish(
                self._run,
                self._kind,
                self._registration_seen,
                over,
                signer=self._signer(),
                going_back=was_valid,
            )
        except OvertakenError:
            mine = self._run.stored.get(self._kind.secret_name)
            if mine and mine.id not in self._judged:  # it was stored, and refused afterwards
                self._judged[mine.id] = Judgement(Validity.REVOKED, "Entra refused it right after it was stored.")
                self._earlier = over if was_valid else None
            raise
        self._judged[stored.version], self._earlier = Judgement(Validity.VALID), None

    def _unwanted(self) -> frozenset[str]:
        """Return the ids of the served credential, if Entra refused it for good, and of those that no version names."""
        unwanted = {step.credential_id for step in self.chores(self._run.moment) if isinstance(step, Remove)}
        is_revoked = self.seen.validity is Validity.REVOKED and self._in_vault and self._in_vault[0].enabled
        if is_revoked and (served_id := self.seen.versions[0].credential_id):
            unwanted.add(served_id)
        return frozenset(unwanted)

    def _put_back(self, version_id: str) -> str | None:
        """Store an earlier version again if it can sign in at CIPP's current app."""
        name, run = self._kind.secret_name, self._run.as_of_now()
        earlier = run.vault.read(name, version_id)
        try:
            credential = self._kind.credential_of(earlier)
            run.check.sign_in(run.as_app(credential), age=run.age_of(earlier.created))
        except (SignInRefusedError, InvalidInputError) as refusal:
            self._refused.add(version_id)
            self._earlier = None
            return f"The earlier version {version_id} was not stored again, because it can't sign in: {refusal}"
        credential_id = next(
            (version.credential_id for version in self.seen.versions if version.id == version_id), None
        )
        stored = run.store(name, self.facts.version, restored(earlier, credential_id))
        self._judged[stored.version], self._earlier = Judgement(Validity.VALID), None
        return None

    def _remove(self, credential_id: str) -> str | None:
        """Remove a credential, unless the versions in the vault changed after that was planned."""
        self._run.lock.must_hold()
        now = self._run.versions(self._kind.secret_name, is_certain=True)
        if [version.id for version in now] != [version.id for version in self._in_vault]:
            return CHANGED_MEANWHILE.format(credential=credential_id)
        if not self._kind.remove(self._registration_seen, credential_id, self._signer()):
            return f"{credential_id} was not removed from the app, because no valid certificate can sign the request."
        return None
