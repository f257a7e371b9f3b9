"""The choice of the credential for calls to Graph and Entra as the SAM app.

The first choice is the vault's ApplicationSecret. If Entra refuses it, SAMCertificate is used. If Entra refuses both,
the newest earlier enabled version of ApplicationSecret that can sign in is used. So the certificate helps to repair a
revoked secret, and the secret a revoked certificate.

In CIPP's certificate-only mode, SAMCertificate comes first, then its earlier enabled versions, then the client secrets.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.azure.errors.entra_errors import Verdict
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, Validity, is_placeholder
from backend.credentials.sign_in_check import NotVerifiedError, SignInCheck
from backend.errors import BackendError, InvalidInputError, NotFoundError
from backend.key_vault.secrets import Stored, Version
from backend.key_vault.vault import DisabledError, KeyVault, MissingError
from backend.sam_app.certificate import Certificate, read_certificate
from backend.sam_app.sign_in import SamApp, SignedIn, SignInRefusedError

EARLIER_TRIED: Final = 5
_MEND_CERTIFICATE: Final = (
    f"Restore a version of {CERTIFICATE} that can sign in with ExecKeyVaultSecretRestore, or add a new certificate to "
    f"the SAM app in the Entra admin center and store it as {CERTIFICATE}."
)


@dataclass(frozen=True)
class Signer:
    """The SAM app with a credential that can sign in. `secret` is whether the current client secret can.

    `secret_version` is the version of ApplicationSecret that was tried, None if it can't be read or was not tried.
    `refusal` is Entra's error for it. `earlier` is the newest earlier version that can sign in, checked only if Entra
    refuses the current one. `signed_in` is Entra's result: a token for Graph, which outlives every run, and the
    permissions in it.
    """

    app: SamApp
    signed_in: SignedIn
    secret: Validity
    secret_version: str | None
    earlier: str | None = None
    refusal: str = ""


@dataclass(frozen=True)
class _SignedInAs:
    """A credential that signed in. `version` is its version of ApplicationSecret, "" for a certificate."""

    app: SamApp
    signed_in: SignedIn
    version: str = ""


def choose_signer(
    vault: KeyVault, check: SignInCheck, app_id: str, tenant: str, *, certificate_first: bool = False
) -> Signer:
    """Return the first credential that can sign in, in the order above. See `_by_certificate` for `certificate_first`.

    If only a new client secret is left, it is retried for twice KEY_ROTATION_PROOF_GAP_SECONDS.

    Raises:
        NotVerifiedError: The client secret is too new to count as revoked, and no other credential can sign in.
        SignInRefusedError: No credential can sign in. The error is Entra's for the client secret.
        MissingError: The vault has no client secret, and no other credential can sign in. It has advice to recover one.
        DisabledError: The client secret is disabled, and no other credential can sign in.
        AzureError: Entra or the vault timed out, or refused for a reason unrelated to the credential.
    """
    if certificate_first:
        return _by_certificate(vault, check, app_id, tenant)
    served, unusable = _served_secret(vault)
    refusal: SignInRefusedError | None = None
    if served:
        app = SamApp(app_id, tenant, served.value)
        age = vault.now() - served.created
        try:
            signed_in = check.sign_in(app, age=age, patience_seconds=0)
            return Signer(_in_its_tenant(app, signed_in), signed_in, Validity.VALID, served.version)
        except SignInRefusedError as error:
            if error.verdict is not Verdict.DEAD and not isinstance(error, NotVerifiedError):
                raise
            refusal = error
    is_young = isinstance(refusal, NotVerifiedError)
    secret = Validity.NOT_VERIFIED if is_young else Validity.REVOKED
    others: list[_SignedInAs] = []
    certificate = served_certificate(vault)
    if certificate:
        try:
            others.append(_signed_in_as(check, SamApp(app_id, tenant, certificate)))
        except SignInRefusedError as error:
            refusal = refusal or error
    earlier = _earlier(vault, check, app_id, tenant)  # also if the certificate can sign in: it may be restored
    others += [earlier] if earlier else []
    if others:
        app, signed_in = others[0].app, others[0].signed_in
        version, refused = served.version if served else None, refusal.detail if refusal else ""
        return Signer(app, signed_in, secret, version, earlier.version if earlier else None, refused)
    if served and is_young:
        app = SamApp(app_id, tenant, served.value)
        patience = 2 * check.limits.key_rotation_proof_gap_seconds
        signed_in = check.sign_in(app, age=age, patience_seconds=patience)
        return Signer(_in_its_tenant(app, signed_in), signed_in, Validity.VALID, served.version)
    if refusal and served:
        raise refusal
    raise _without_secret(vault, app_id, unusable, refusal)


def _by_certificate(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> Signer:
    """Return the first of the certificates and then the client secrets that can sign in.

    If none can and the certificate is new, it is retried for twice KEY_ROTATION_PROOF_GAP_SECONDS.

    Raises:
        SignInRefusedError: No credential can sign in. The error is Entra's for the certificate.
        NotFoundError: The vault does not have a certificate that can be read, and no client secret can sign in.
        AzureError: Entra or the vault timed out, or refused for a reason unrelated to the credential.
    """
    served = _served_certificate(vault)
    refusal: SignInRefusedError | None = None
    if served:
        certificate, age = served.certificate, vault.now() - served.created
        app = SamApp(app_id, tenant, certificate)
        try:
            signed_in = check.sign_in(app, age=age, patience_seconds=0)
            return Signer(_in_its_tenant(app, signed_in), signed_in, Validity.NOT_VERIFIED, None)
        except SignInRefusedError as error:
            if error.verdict is not Verdict.DEAD and not isinstance(error, NotVerifiedError):
                raise
            refusal = error
    other = _earlier_certificate(vault, check, app_id, tenant) or _any_secret(vault, check, app_id, tenant)
    if other:
        return Signer(other.app, other.signed_in, Validity.NOT_VERIFIED, None)
    if served and isinstance(refusal, NotVerifiedError):
        patience = 2 * check.limits.key_rotation_proof_gap_seconds
        signed_in = check.sign_in(app, age=age, patience_seconds=patience)
        return Signer(_in_its_tenant(app, signed_in), signed_in, Validity.NOT_VERIFIED, None)
    if refusal:
        refusal.advice = _MEND_CERTIFICATE  # no other key can repair it
        raise refusal
    raise _without_certificate(vault)


def _without_certificate(vault: KeyVault) -> BackendError:
    """Return the error if CIPP signs in with its certificate and the vault has none that can be read."""
    try:
        vault.read(CERTIFICATE)
    except MissingError:
        error: BackendError = vault.missing(CERTIFICATE, _MEND_CERTIFICATE)
    except DisabledError as disabled:
        error = disabled
    else:
        error = NotFoundError(f"{CERTIFICATE} can't be read as a certificate.", advice=_MEND_CERTIFICATE)
    error.add_context(before="CIPP signs in with its certificate.")
    return error


def _served_secret(vault: KeyVault) -> tuple[Stored | None, BackendError]:
    """Return the current client secret, or None, and the reason: it is missing, disabled or a placeholder."""
    try:
        served = vault.read(CLIENT_SECRET)
    except (NotFoundError, DisabledError) as error:
        return None, error
    is_usable = not is_placeholder(served.value.reveal())
    return (served if is_usable else None), NotFoundError(f"{CLIENT_SECRET} contains the template's placeholder.")


def _without_secret(
    vault: KeyVault, app_id: str, unusable: BackendError, refusal: SignInRefusedError | None
) -> BackendError:
    """Return the error if no client secret can be tried. `refusal` is then Entra's for the certificate."""
    make = f"Create a client secret for the SAM app {app_id} and store it, or run CIPP's setup wizard."
    error = vault.missing(CLIENT_SECRET, make) if isinstance(unusable, MissingError) else unusable
    certificate = f"The vault does not have a {CERTIFICATE} that can be read."
    if refusal:
        certificate = f"{CERTIFICATE} can't sign in: {refusal.detail}"
    error.add_context(after=certificate)
    error.advice = error.advice or make
    return error


def _in_its_tenant(app: SamApp, signed_in: SignedIn) -> SamApp:
    """Return the app with its tenant's GUID. The token has the GUID even if TenantID is a domain."""
    return SamApp(app.app_id, signed_in.tenant_id or app.tenant, app.credential)


def _signed_in_as(check: SignInCheck, app: SamApp, version: str = "") -> _SignedInAs:
    signed_in = check.entra.sign_in(app)
    return _SignedInAs(_in_its_tenant(app, signed_in), signed_in, version)


def _earlier(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> _SignedInAs | None:
    """Return the newest earlier client secret that can sign in. The list may show a disabled one as enabled."""
    candidates: list[Version] = [version for version in vault.versions(CLIENT_SECRET)[1:] if _may_be_tried(version)]
    for version in candidates[:EARLIER_TRIED]:
        try:
            stored = vault.read(CLIENT_SECRET, version.id)
            return _signed_in_as(check, SamApp(app_id, tenant, stored.value), version.id)
        except (SignInRefusedError, DisabledError, NotFoundError):
            continue
    return None


def _earlier_certificate(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> _SignedInAs | None:
    """Return the newest earlier certificate that can sign in."""
    candidates = [version for version in vault.versions(CERTIFICATE)[1:] if _may_be_tried(version)]
    for version in candidates[:EARLIER_TRIED]:
        try:
            certificate = read_certificate(vault.read(CERTIFICATE, version.id).value)
            return _signed_in_as(check, SamApp(app_id, tenant, certificate))
        except (SignInRefusedError, DisabledError, NotFoundError, InvalidInputError):
            continue
    return None


def _any_secret(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> _SignedInAs | None:
    """Return the current client secret or the newest earlier one that can sign in."""
    served, _ = _served_secret(vault)
    if served:
        with suppress(SignInRefusedError):
            return _signed_in_as(check, SamApp(app_id, tenant, served.value), served.version)
    return _earlier(vault, check, app_id, tenant)


def _may_be_tried(version: Version) -> bool:
    return version.enabled and not version.is_enabled_for_restore


@dataclass(frozen=True)
class _ServedCertificate:
    certificate: Certificate
    created: datetime


def _served_certificate(vault: KeyVault) -> _ServedCertificate | None:
    try:
        stored = vault.read(CERTIFICATE)
        return _ServedCertificate(read_certificate(stored.value), stored.created)
    except (NotFoundError, DisabledError, InvalidInputError):
        return None


def served_certificate(vault: KeyVault) -> Certificate | None:
    """Return the vault's current certificate, or None if it is missing or can't be read."""
    served = _served_certificate(vault)
    return served.certificate if served else None
