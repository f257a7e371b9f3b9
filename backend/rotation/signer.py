"""Who asks: with which credential Graph and Entra are called as the SAM app.

The vault's ApplicationSecret; if that is dead, SAMCertificate; if that too, the newest earlier enabled version
of ApplicationSecret that signs in. So a dead secret is healed by the certificate, a dead certificate by the secret.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from backend.aadsts import Verdict
from backend.certificate import Certificate, read_certificate
from backend.entra import Credential, Entra, SamApp, SignedIn, SignInRefusedError
from backend.errors import InvalidInputError, NotFoundError
from backend.key_vault import DisabledError, KeyVault
from backend.limits import Limits
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, is_placeholder
from backend.vault_secret import Stored, Version

EARLIER_TRIED: Final = 5
# A secret younger than this may be unknown to a replica of Entra's: one refusal does not make it dead.
YOUNG: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Signer:
    """The SAM app with the credential that signs in; `secret_signs_in` is whether the served secret does.

    `secret_version` is the version of ApplicationSecret that was tried, None if there is none that can be read.
    `earlier` is the newest earlier one that signs in, looked for only where the served one does not.
    `signed_in` is what Entra gave it: a token for Graph, which outlives every run, with the permissions in it.
    """

    app: SamApp
    signed_in: SignedIn
    secret_signs_in: bool
    secret_version: str | None
    earlier: str | None = None


def choose_signer(vault: KeyVault, entra: Entra, limits: Limits, app_id: str, tenant: str) -> Signer:
    """Try the credentials in their order; the first that signs in asks.

    Raises:
        SignInRefusedError: None signs in; what Entra said of the first one.
        AzureError: Entra or the vault does not answer, or refuses for a reason that is not the key's.
    """
    try:
        served: Stored | None = vault.read(CLIENT_SECRET)
    except (NotFoundError, DisabledError):
        served = None
    refusal: SignInRefusedError | None = None
    if served and not is_placeholder(served.value.reveal()):
        app = SamApp(app_id, tenant, served.value)
        try:
            app, signed_in = _signed_in(entra, app, limits, young=vault.now() - served.created < YOUNG)
            return Signer(app, signed_in, secret_signs_in=True, secret_version=served.version)
        except SignInRefusedError as error:
            if error.verdict is not Verdict.DEAD:
                raise
            refusal = error
    earlier = _earlier(vault, entra, app_id, tenant)
    others: list[Credential] = [c for c in (served_certificate(vault), earlier and earlier.value) if c]
    for credential in others:
        try:
            app, signed_in = _signed_in(entra, SamApp(app_id, tenant, credential), limits, young=False)
        except SignInRefusedError as error:
            refusal = refusal or error
        else:
            return Signer(
                app,
                signed_in,
                secret_signs_in=False,
                secret_version=served.version if served else None,
                earlier=earlier.version if earlier else None,
            )
    if refusal:
        raise refusal
    raise NotFoundError(
        f"The vault has neither {CLIENT_SECRET} nor {CERTIFICATE}: make a client secret for the SAM app "
        f"{app_id} and store it, or run CIPP's setup wizard."
    )


def _signed_in(entra: Entra, app: SamApp, limits: Limits, *, young: bool) -> tuple[SamApp, SignedIn]:
    """Sign in; answer the app with its tenant's GUID, which the token tells also where TenantID is a domain."""
    tries = limits.key_rotation_proof_count if young else 1
    for left in reversed(range(tries)):
        try:
            signed_in = entra.sign_in(app)
        except SignInRefusedError:
            if not left:
                raise
            time.sleep(limits.key_rotation_proof_gap_seconds)
        else:
            known = SamApp(app.app_id, signed_in.tenant_id or app.tenant, app.credential)
            return known, signed_in
    raise AssertionError("a sign-in is tried at least once")


def _earlier(vault: KeyVault, entra: Entra, app_id: str, tenant: str) -> Stored | None:
    candidates: list[Version] = [version for version in vault.versions(CLIENT_SECRET)[1:] if _may_be_tried(version)]
    for version in candidates[:EARLIER_TRIED]:
        stored = vault.read(CLIENT_SECRET, version.id)
        try:
            entra.sign_in(SamApp(app_id, tenant, stored.value))
        except SignInRefusedError:
            continue
        return stored
    return None


def _may_be_tried(version: Version) -> bool:
    return version.enabled and not version.is_enabled_for_restore


def served_certificate(vault: KeyVault) -> Certificate | None:
    """Read the certificate that the vault serves; None where there is none, or it cannot be read."""
    try:
        return read_certificate(vault.read(CERTIFICATE).value)
    except (NotFoundError, DisabledError, InvalidInputError):
        return None
