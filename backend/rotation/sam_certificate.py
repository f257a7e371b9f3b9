"""Rotating the SAM app's certificate: make a key, add its public part to the app, prove it, store it, read it back.

With a valid certificate it is added by Graph's addKey, which touches nobody else's. Without one the whole list
is written, read back, and what vanished meanwhile is put back.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.aadsts import Verdict
from backend.app_policy import AppPolicy, advised, exempt, read_app_policy
from backend.app_registration import AppCertificate, AppRegistration, Registration, public_key
from backend.certificate import BACKDATED, LIFETIME, Certificate, make_certificate, read_certificate
from backend.entra import SignInRefusedError
from backend.errors import AzureUnreachableError, BackendError, ConflictError, InvalidInputError
from backend.rotation.keys import CERTIFICATE
from backend.rotation.lineage import Version
from backend.rotation.plan import (
    NEAR_END,
    AppCredential,
    Disable,
    Leave,
    Moment,
    PutBack,
    Remove,
    Renew,
    Step,
    certificate_step,
    superseded_ends,
)
from backend.rotation.proof import prove
from backend.rotation.run import Fresh, Run, planned, restored
from backend.rotation.tags import CREDENTIAL_ID, OUR_NAME
from backend.vault_secret import Version as VaultVersion

CONTENT_TYPE: Final = "application/x-pkcs12"


class CertificateWork:
    """The SAM app's certificate, kept as a secret: base64 of a PFX without a password."""

    def __init__(
        self,
        run: Run,
        registration: AppRegistration,
        site: str,
        *,
        restarted: Callable[[], datetime | None],
        doubted: bool = False,
    ) -> None:
        """`restarted` answers since when every CIPP app runs; `doubted`: it failed when it was last tried."""
        self._run = run
        self._registration = registration
        self._site = site
        self._restarted = restarted
        self._doubted = doubted
        self._dead: set[str] = set()
        self._seen: Registration | None = None
        self.served: str | None = None
        self._certificate: Certificate | None = None
        self._read_already: dict[str, Certificate | None] = {}
        self._thumbprints: dict[str, str] = {}
        self.since: datetime | None = None
        self.ends: datetime | None = None
        self.superseded_ends: datetime | None = None

    def next_step(self, moment: Moment) -> Step:
        """Look at the app and the vault, and plan."""
        # First the vault: whoever stores a certificate has put it on the app before.
        versions = self._run.versions(CERTIFICATE)
        self._seen = self._registration.read()
        self.served = versions[0].id if versions else None
        self._certificate = self._read(versions[0]) if versions else None
        self.since = versions[0].created if versions else None
        on_app = _find(self._seen, self._certificate.thumbprint) if self._certificate else None
        self.ends = min((found.ends for found in (self._certificate, on_app) if found), default=None)
        if versions and versions[0].managed:
            return self._leave_to_key_vault(moment, is_on_app=on_app is not None)
        shown = [self._shown(version) for version in versions]
        credentials = [_planned(certificate) for certificate in self._seen.certificates]
        self.superseded_ends = superseded_ends(shown, credentials, moment.now)
        if on_app and any(one.ours and one.id != on_app.thumbprint for one in credentials):
            moment = replace(moment, restarted=self._restarted())
        step = certificate_step(shown, credentials, moment, ends=self.ends)
        # A certificate that this app has just made is not replaced by force unless it does not sign in.
        is_questioned = self._doubted or (moment.force and isinstance(step, Leave))
        if is_questioned and self._certificate and not isinstance(step, Renew | PutBack):
            return certificate_step(
                shown, credentials, moment, ends=self.ends, signs_in=self._signs_in(self._certificate)
            )
        return step

    def do(self, step: Step) -> str | None:
        """Put back, remove, disable or renew."""
        if isinstance(step, PutBack):
            return self._put_back(step.version_id)
        if isinstance(step, Remove):
            self._run.held.must_hold()
            self._remove(step.credential_id, self._certificate)
        elif isinstance(step, Disable):
            self._run.held.must_hold()
            self._run.vault.disable(CERTIFICATE, step.version_id)
        elif not isinstance(step, Leave):
            self._renew()
        return None

    def _read(self, version: VaultVersion) -> Certificate | None:
        """Read a version as a certificate; None where it is none."""
        if not version.enabled:
            return None
        if version.id not in self._read_already:  # a version's value never changes, and its key is slow to read
            try:
                certificate = read_certificate(self._run.vault.read(CERTIFICATE, version.id).value)
            except InvalidInputError:
                certificate = None
            self._read_already[version.id] = certificate
        return self._read_already[version.id]

    def _shown(self, version: VaultVersion) -> Version:
        """Show a version to the plan; what others stored is adopted: its credential is told by what it holds."""
        known = planned(version, dead=frozenset(self._dead))
        if known.credential_id is not None or not version.enabled:
            return known
        if version.id not in self._thumbprints:
            certificate = self._certificate if version.id == self.served else self._read(version)
            self._thumbprints[version.id] = certificate.thumbprint if certificate else ""
        return replace(known, credential_id=self._thumbprints[version.id])

    def _signs_in(self, served: Certificate) -> bool:
        """Tell whether the vault serves a living certificate; a refusal that is not the certificate's is raised."""
        try:
            self._run.entra.sign_in(self._run.as_app(served))
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            return False
        self._doubted = False
        return True

    def _leave_to_key_vault(self, moment: Moment, *, is_on_app: bool) -> Step:
        """Leave what is a certificate of the vault's own: a secret cannot be stored over it."""
        if self.ends and self.ends - moment.now > NEAR_END and is_on_app:
            return Leave(f"Held as a Key Vault certificate; it ends on {self.ends:%Y-%m-%d}.")
        error = ConflictError(
            f"'{CERTIFICATE}' is held as a Key Vault certificate and is due, but this app stores secrets only."
        )
        error.advice = (
            f"Let CIPP renew it, or let this app's identity import certificates: az keyvault set-policy --name "
            f"{self._run.vault.name} --object-id <its object id> --certificate-permissions get list import"
        )
        raise error

    def _renew(self) -> None:
        run, seen = self._run, self._registration.read()
        policy = read_app_policy(self._registration.graph, seen.object_id, seen.created)
        blocks = policy.blocks_certificates
        if blocks and run.clients.limits.key_rotation_manage_policy:
            run.held.must_hold()
            with advised(policy, blocks, seen.object_id):
                exempt(self._registration.graph, seen.object_id, policy)
        made = make_certificate(self._site, run.vault.now().replace(microsecond=0), _lifetime(policy))
        over, is_sent = self.served, False
        run.held.must_hold()
        try:
            with advised(policy, blocks, seen.object_id):
                self._add(made)
            prove(run, made)
            is_sent = True
            fresh = Fresh(made.pfx, CONTENT_TYPE, made.ends, {CREDENTIAL_ID: made.thumbprint})
            stored = run.store(CERTIFICATE, over, fresh)
            self._read_already[stored.version] = made  # what was read back is what was made
        except BackendError as error:
            raise self._given_up(error, made, is_sent=is_sent) from error

    def _add(self, made: Certificate) -> None:
        """Add the public part to the app; what was cut off is looked up."""
        name = f"{OUR_NAME} {self._run.id}"
        seen, served = self._registration.read(), self._certificate
        try:
            if served and served.ends > self._run.vault.now() and _find(seen, served.thumbprint):
                self._registration.add_key(
                    seen.object_id,
                    public_der=made.public_der,
                    display_name=name,
                    proof=served.proof(seen.object_id),
                )
                return
            ours = public_key(made.public_der, name)
            self._registration.replace_keys(seen.object_id, [*(c.raw for c in seen.certificates), ours])
        except AzureUnreachableError:
            if not _find(self._registration.read(), made.thumbprint):
                raise
        self._put_vanished_back(seen)

    def _put_vanished_back(self, seen: Registration) -> None:
        """Put back what the list had before ours was written, and what the vault has come to serve meanwhile."""
        versions = self._run.vault.versions(CERTIFICATE)
        theirs = self._read(versions[0]) if versions and versions[0].id != self.served else None
        after = self._registration.read()
        vanished = [c.raw for c in seen.certificates if _find(after, c.thumbprint) is None]
        if theirs and _find(after, theirs.thumbprint) is None and _find(seen, theirs.thumbprint) is None:
            vanished.append(public_key(theirs.public_der, f"CIPP-SAM Certificate ({self._site})"))
        if vanished:
            self._registration.replace_keys(seen.object_id, [*(c.raw for c in after.certificates), *vanished])

    def _put_back(self, version_id: str) -> str | None:
        """Store someone else's version again, on top of ours, if it signs in at CIPP's app as it is now."""
        run = self._run.as_of_now()
        theirs = run.vault.read(CERTIFICATE, version_id)
        try:
            run.entra.sign_in(run.as_app(read_certificate(theirs.value)))
        except (SignInRefusedError, InvalidInputError) as refusal:
            self._dead.add(version_id)
            return f"Someone else's version {version_id} lies under ours, but does not sign in: {refusal}"
        run.store(CERTIFICATE, self.served, restored(theirs, self._thumbprints.get(version_id)))
        return None

    def _given_up(self, error: BackendError, made: Certificate, *, is_sent: bool) -> BackendError:
        """Take the new certificate off the app, unless the vault has it or may yet get it; say what became of it."""
        left = " The new certificate is still on the app: a later run removes it when nothing needs it."
        try:
            versions = self._run.vault.versions(CERTIFICATE)
            is_needed = any(version.tags.get(CREDENTIAL_ID) == made.thumbprint for version in versions)
            # A store that was cut off may still be on its way, and what the vault serves must sign in.
            if not is_needed and not (is_sent and isinstance(error, AzureUnreachableError)):
                self._run.held.must_hold()
                self._remove(made.thumbprint, made)
                left = ""
        except BackendError as second:
            left = f"{left} ({second})"
        error.args = (f"{error}{left}",)
        return error

    def _remove(self, thumbprint: str, signer: Certificate | None) -> None:
        """Remove one certificate of ours; with a key that can sign by removeKey, else by writing the others."""
        seen = self._registration.read()
        target = _find(seen, thumbprint)
        if target is None:
            return
        if signer and _find(seen, signer.thumbprint):
            self._registration.remove_key(seen.object_id, key_id=target.key_id, proof=signer.proof(seen.object_id))
            return
        others = [certificate.raw for certificate in seen.certificates if certificate is not target]
        self._registration.replace_keys(seen.object_id, others)


def _lifetime(policy: AppPolicy) -> timedelta:
    return min(LIFETIME, policy.certificate_lifetime)


def _find(registration: Registration, thumbprint: str) -> AppCertificate | None:
    return next((c for c in registration.certificates if c.thumbprint == thumbprint), None)


def _planned(certificate: AppCertificate) -> AppCredential:
    """Show a certificate to the plan; ours are backdated, and their age counts from when they were made."""
    ours = certificate.is_complete and certificate.display_name.startswith(OUR_NAME)
    return AppCredential(
        id=certificate.thumbprint,
        starts=certificate.starts + BACKDATED if ours else certificate.starts,
        ends=certificate.ends,
        ours=ours,
    )
