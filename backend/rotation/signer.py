"""The credential with which Graph and Entra are called as the SAM app.

The vault's ApplicationSecret. If Entra refuses that, SAMCertificate. If Entra refuses both, the newest earlier enabled
version of ApplicationSecret that signs in. So the certificate repairs a revoked secret, and the secret a revoked
certificate.
"""

from dataclasses import dataclass
from typing import Final

from backend.aadsts import Verdict
from backend.certificate import Certificate, read_certificate
from backend.entra import SamApp, SignedIn, SignInRefusedError
from backend.errors import InvalidInputError, NotFoundError
from backend.key_vault import DisabledError, KeyVault
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, is_placeholder
from backend.rotation.plan import Validity
from backend.rotation.sign_in_check import NotVerifiedError, SignInCheck
from backend.vault_secret import Stored, Version

EARLIER_TRIED: Final = 5


@dataclass(frozen=True)
class Signer:
    """The SAM app with the credential that signs in. `secret` is whether the served client secret does.

    `secret_version` is the version of ApplicationSecret that was tried, None if there is none that can be read.
    `refusal` is what Entra returned for it. `earlier` is the newest earlier one that signs in, looked for only if Entra
    refuses the served one. `signed_in` is what Entra gave: a token for Graph, which outlives every run, with
    the permissions in it.
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


def choose_signer(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> Signer:
    """Try the credentials in their order; the first that signs in is used.

    If only a young client secret is left, it is tried for two times KEY_ROTATION_PROOF_GAP_SECONDS.

    Raises:
        NotVerifiedError: The client secret is too young to be called revoked, and no other credential signs in.
        SignInRefusedError: None signs in; what Entra returned for the first one.
        AzureError: Entra or the vault timed out, or refused for a reason that is not the credential's.
    """
    served = _served_secret(vault)
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
    earlier = _earlier(vault, check, app_id, tenant)  # also if the certificate signs in: it may be put back
    others += [earlier] if earlier else []
    if others:
        app, signed_in = others[0].app, others[0].signed_in
        version, refused = served.version if served else None, str(refusal or "")
        return Signer(app, signed_in, secret, version, earlier.version if earlier else None, refused)
    if served and is_young:
        app = SamApp(app_id, tenant, served.value)
        patience = 2 * check.limits.key_rotation_proof_gap_seconds
        signed_in = check.sign_in(app, age=age, patience_seconds=patience)
        return Signer(_in_its_tenant(app, signed_in), signed_in, Validity.VALID, served.version)
    if refusal:
        raise refusal
    raise NotFoundError(
        f"The vault has neither {CLIENT_SECRET} nor {CERTIFICATE}: make a client secret for the SAM app "
        f"{app_id} and store it, or run CIPP's setup wizard."
    )


def _served_secret(vault: KeyVault) -> Stored | None:
    """Return the client secret that the vault serves; None if there is none, or it is disabled or a placeholder."""
    try:
        served = vault.read(CLIENT_SECRET)
    except (NotFoundError, DisabledError):
        return None
    return None if is_placeholder(served.value.reveal()) else served


def _in_its_tenant(app: SamApp, signed_in: SignedIn) -> SamApp:
    """Return the app with its tenant's GUID, which the token names also if TenantID is a domain."""
    return SamApp(app.app_id, signed_in.tenant_id or app.tenant, app.credential)


def _signed_in_as(check: SignInCheck, app: SamApp, version: str = "") -> _SignedInAs:
    signed_in = check.entra.sign_in(app)
    return _SignedInAs(_in_its_tenant(app, signed_in), signed_in, version)


def _earlier(vault: KeyVault, check: SignInCheck, app_id: str, tenant: str) -> _SignedInAs | None:
    """Return the newest earlier client secret that signs in. The list may show a disabled one as enabled."""
    candidates: list[Version] = [version for version in vault.versions(CLIENT_SECRET)[1:] if _may_be_tried(version)]
    for version in candidates[:EARLIER_TRIED]:
        try:
            stored = vault.read(CLIENT_SECRET, version.id)
            return _signed_in_as(check, SamApp(app_id, tenant, stored.value), version.id)
        except (SignInRefusedError, DisabledError, NotFoundError):
            continue
    return None


def _may_be_tried(version: Version) -> bool:
    return version.enabled and not version.is_enabled_for_restore


def served_certificate(vault: KeyVault) -> Certificate | None:
    """Read the certificate that the vault serves; None where there is none, or it cannot be read."""
    try:
        return read_certificate(vault.read(CERTIFICATE).value)
    except (NotFoundError, DisabledError, InvalidInputError):
        return None
