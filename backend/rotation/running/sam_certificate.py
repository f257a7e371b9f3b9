"""The part of the rotation that is specific to the SAM app's certificate. See also `credential_work`.

If a certificate can sign in, Graph's addKey adds the new one and leaves the others unchanged. Otherwise the whole list
is written. A read of that list may be outdated, so it is written only after two reads agree. Afterwards it is read
until it shows the new one, and certificates that others added meanwhile are added again.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from backend.concurrency.deadline import Deadline, poll
from backend.credentials.kinds import CERTIFICATE
from backend.errors import (
    AzureError,
    AzureRefusedError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    changed_nothing,
)
from backend.key_vault.secrets import Stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.vault import DisabledError
from backend.rotation.planning.ownership import is_own
from backend.rotation.planning.plan import NEAR_END, AppCredential, Rules, third_of_life
from backend.rotation.planning.version_history import Version
from backend.rotation.running.context import RunContext
from backend.rotation.running.publish import NewCredential, policy_for_new
from backend.sam_app.certificate import BACKDATED, LIFETIME, Certificate, make_certificate, read_certificate
from backend.sam_app.graph import Json
from backend.sam_app.management_policy import AppPolicy, advised
from backend.sam_app.registration import AppCertificate, AppRegistration, Registration, public_key
from backend.sam_app.sign_in import Credential, SignInRefusedError

MOST_LIVE: Final = 3
PROOF_REFUSED: Final = (400, 401)  # by addKey: Entra accepts the signer, but Graph may not know it yet
UNKNOWN: Final = "without an id"
MOST_READS: Final = 6  # until two in a row agree
READS_PER_GAP: Final = 5


def near_end(served: Version, on_app: AppCredential) -> timedelta:
    """Return how long before its expiry a certificate is renewed. A policy may shorten the life of this app's own."""
    is_created_here = served.is_own and served.restored_from is None
    return third_of_life(on_app) if is_created_here else NEAR_END


class CertificateKind:
    """The certificate, kept as a secret: base64 of a PFX without a password. Its id is its thumbprint."""

    secret_name: str = CERTIFICATE
    content_type: str = "application/x-pkcs12"
    rules: Rules = Rules("certificate", MOST_LIVE, ages=False, near_end=near_end, prunes=True)
    is_listed_enough: bool = True
    needs_signer: bool = True
    locks_app: bool = False

    def __init__(self, run: RunContext, registration: AppRegistration, site: str) -> None:
        self._run = run
        self._registration = registration
        self.unwanted: frozenset[str] = frozenset()
        self.pruned: frozenset[str] = frozenset()
        self._site = site
        self._read_already: dict[str, Certificate | None] = {}
        self._has_written_list = False

    def credentials(self, app: Registration, versions: Sequence[Version]) -> list[AppCredential]:
        """Return the certificates whose dates Graph shows. The backdating of this app's own is undone."""
        found = []
        for one in app.certificates:
            is_created_here = one.is_complete and is_own(
                one.display_name, one.thumbprint, self._run.vault.name, versions
            )
            starts = one.starts + BACKDATED if is_created_here else one.starts
            found.append(
                AppCredential(
                    id=one.thumbprint or one.key_id or UNKNOWN,
                    starts=starts,
                    ends=one.ends,
                    is_own=is_created_here,
                    name=one.display_name,
                )
            )
        return found

    def identified(
        self,
        versions: Sequence[Version],
        in_vault: Sequence[VaultVersion],
        app: Registration,  # noqa: ARG002 - only a client secret needs it
    ) -> list[Version]:
        """Return the versions with the thumbprint of each, from its tag, or from its value."""
        return [
            self._identified(version, vault_version) for version, vault_version in zip(versions, in_vault, strict=True)
        ]

    def in_vault(self, vault_version: VaultVersion, version: Version) -> AppCredential | None:
        """Return the certificate of a version, or None if the version is disabled.

        Raises:
            InvalidInputError: The value is not a certificate.
        """
        if not vault_version.enabled:
            return None
        certificate = self._read(vault_version)
        if certificate is None:
            raise InvalidInputError("The stored certificate can't be read.")
        starts = certificate.starts + BACKDATED if version.is_own else certificate.starts
        return AppCredential(id=certificate.thumbprint, starts=starts, ends=certificate.ends, is_own=version.is_own)

    def credential_of(self, stored: Stored) -> Credential:
        """Return the certificate with its private key.

        Raises:
            InvalidInputError: The value is not a certificate.
        """
        return self._read_already.get(stored.version) or read_certificate(stored.value)

    def create(self, app: Registration, name: str, over: str | None, signer: Credential | None) -> NewCredential:
        """Create a certificate, and add its public part to the app.

        Raises:
            AzureError: Graph refused or timed out. The advice names the tenant's policy if that forbids it.
            ConflictError: The lock is lost, or the tenant's policy may not be changed.
        """
        run = self._run
        policy = policy_for_new(run, self._registration, app, lambda policy: policy.blocks_certificates)
        certificate = signer if isinstance(signer, Certificate) else None
        made = make_certificate(self._site, run.vault.now().replace(microsecond=0), _lifetime(policy))
        with advised(policy, policy.blocks_certificates, app.object_id):
            if certificate is None or not self._is_added(app, made, name, certificate):
                self._write_list(app, made, name, over, certificate)
        return NewCredential(made.thumbprint, made, made.pfx, made.ends)

    def keep_theirs(self, app: Registration, over: str | None, made: Credential) -> None:
        """Add the certificate that others stored meanwhile to the app again, if writing the list removed it."""
        theirs = self._newly_served(over) if self._has_written_list else None
        if theirs is None or not isinstance(made, Certificate):
            return
        try:
            self._run.check.entra.sign_in(self._run.as_app(theirs))
        except SignInRefusedError:
            self._run.lock.must_hold()
            self._registration.add_key(
                app.object_id,
                public_der=theirs.public_der,
                display_name=self._name_by_cipp,
                proof=made.proof(app.object_id),
            )

    def remove(self, app: Registration, credential_id: str, signer: Credential | None) -> bool:
        """Remove a certificate by removeKey, which leaves the others unchanged. Without a signer it stays."""
        if not isinstance(signer, Certificate):
            return False
        target = _find(app, credential_id) or _find(self._registration.read(), credential_id)
        if target is None:
            return False
        proof = signer.proof(app.object_id)
        self._registration.remove_key(app.object_id, key_id=target.key_id, proof=proof)
        return True

    def _read(self, version: VaultVersion) -> Certificate | None:
        """Read a version as a certificate, or None if it is disabled or something else."""
        if not version.enabled:
            return None
        if version.id not in self._read_already:  # the value of a version never changes, and parsing it is slow
            try:
                certificate = read_certificate(self._run.vault.read(CERTIFICATE, version.id).value)
            except (InvalidInputError, DisabledError, NotFoundError):  # or an outdated list showed it as enabled
                certificate = None
            self._read_already[version.id] = certificate
        return self._read_already[version.id]

    def _identified(self, version: Version, vault_version: VaultVersion) -> Version:
        if version.credential_id is not None or not vault_version.enabled:
            return version
        certificate = self._read(vault_version)
        return replace(version, credential_id=certificate.thumbprint if certificate else "")

    def _is_added(self, app: Registration, made: Certificate, name: str, signer: Certificate) -> bool:
        """Add the public part to the app by addKey. Return whether Graph accepted it. After a timeout, read the app.

        Raises:
            AzureError: The request timed out, and Graph does not show the certificate.
        """
        self._run.lock.must_hold()
        proof = signer.proof(app.object_id)
        try:
            self._registration.add_key(app.object_id, public_der=made.public_der, display_name=name, proof=proof)
        except AzureRefusedError as error:
            if error.status in PROOF_REFUSED:
                return False
            if changed_nothing(error):
                raise
            self._must_be_on_app(made, error)
        except AzureError as error:
            self._must_be_on_app(made, error)
        return True

    def _must_be_on_app(self, made: Certificate, error: AzureError) -> None:
        """Check that a request that timed out added the certificate.

        Raises:
            AzureError: It did not, or Graph does not show the certificate yet.
        """
        if not _find(self._registration.read(), made.thumbprint):
            raise error

    def _write_list(
        self, app: Registration, made: Certificate, name: str, over: str | None, signer: Certificate | None
    ) -> None:
        """Write the list with the new one. Then add again what others added since it was read."""
        before = self._settled(app)
        if not before.certificates_known:
            raise ConflictError("Couldn't write the app's list of certificates: Graph does not show all of them.")
        listed = [one.raw for one in before.certificates if one.thumbprint not in self.unwanted]
        is_missing = signer is not None and _find(before, signer.thumbprint) is None
        if signer and is_missing and signer.thumbprint.lower() not in self.pruned:  # it signed in a moment ago
            listed.append(self._public_key(signer))
        self._run.lock.must_hold()
        self._has_written_list = True
        try:
            self._registration.replace_keys(app.object_id, [*listed, public_key(made.public_der, name)])
        except AzureError as error:
            if changed_nothing(error):
                raise
            self._must_be_on_app(made, error)
        self._put_vanished_back(before, made, over)

    def _settled(self, app: Registration) -> Registration:
        """Read the list until two reads in a row agree. `app` is an earlier read."""
        before = app
        for _ in range(MOST_READS):
            seen = self._registration.read()
            if _names(seen) == _names(before):
                return seen
            before = seen
            time.sleep(self._run.limits.key_rotation_proof_gap_seconds)
        return before

    def _put_vanished_back(self, before: Registration, made: Certificate, over: str | None) -> None:
        """Add again what others added since `before`: what a read shows meanwhile, and what the vault serves now.

        The list is read until it shows the new one. Each read before that shows an earlier state, which may include a
        certificate that others added after `before` was read. Certificates that were on the list before and are missing
        were removed by others, and stay removed.
        """
        # More often than sign-ins, because a shorter-lived state would be missed.
        gap = self._run.limits.key_rotation_proof_gap_seconds / READS_PER_GAP
        patience = self._run.limits.key_rotation_proof_timeout_seconds
        deadline = min(Deadline.after(patience), self._run.deadline)
        known = _names(before)
        seen: dict[str, Json] = {}

        def read() -> Registration:
            app = self._registration.read()
            if _find(app, made.thumbprint) is None:
                seen.update({_name(one): one.raw for one in app.certificates if _name(one) not in known})
            return app

        after = poll(read, every=gap, deadline=deadline, is_done=lambda app: _find(app, made.thumbprint) is not None)
        if _find(after, made.thumbprint) is None:
            return  # the sign-in check decides what happens to the new one
        if theirs := self._newly_served(over):
            seen.setdefault(theirs.thumbprint, self._public_key(theirs))
        there = {_name(one) for one in after.certificates}
        vanished = [raw for name, raw in seen.items() if name not in there and name.lower() not in self.pruned]
        if vanished and after.certificates_known:
            self._run.lock.must_hold()
            self._registration.replace_keys(after.object_id, [*(one.raw for one in after.certificates), *vanished])

    def _newly_served(self, over: str | None) -> Certificate | None:
        """Return the certificate that others stored meanwhile. It was on the app before that."""
        try:
            served = self._run.vault.read(CERTIFICATE)
            return None if served.version == over else read_certificate(served.value)
        except BackendError:
            return None

    @property
    def _name_by_cipp(self) -> str:
        """The display name that CIPP uses for its certificate."""
        return f"CIPP-SAM Certificate ({self._site})"

    def _public_key(self, certificate: Certificate) -> Json:
        return public_key(certificate.public_der, self._name_by_cipp)


def _lifetime(policy: AppPolicy) -> timedelta:
    return min(LIFETIME, policy.certificate_lifetime)


def _find(registration: Registration, thumbprint: str) -> AppCertificate | None:
    return next((one for one in registration.certificates if one.thumbprint == thumbprint), None)


def _names(registration: Registration) -> set[str]:
    return {_name(one) for one in registration.certificates}


def _name(certificate: AppCertificate) -> str:
    """Return what identifies a certificate on the app."""
    return certificate.thumbprint or certificate.key_id
