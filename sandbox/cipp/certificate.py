"""A SAM certificate in the form in which CIPP makes and stores it: base64 of a PFX without a password."""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PublicFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.application import KeyCredential

_VALID: Final = timedelta(days=365)
_EARLY: Final = timedelta(minutes=15)
_KEYS: Final = 2  # made once for a process of the sandbox: making one takes a tenth of a second


@dataclass(frozen=True)
class SamCertificate:
    """A certificate, and the value that the vault stores for it."""

    certificate: x509.Certificate
    value: str = field(repr=False)

    @property
    def encoded(self) -> bytes:
        """The certificate without its key, as DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint in upper-case hexadecimal, as Entra shows it."""
        return thumbprint_of(self.certificate)

    def credential(self, site: str, created: datetime) -> KeyCredential:
        """Return it as CIPP registers it on the application."""
        return KeyCredential(
            certificate=self.encoded,
            start=self.certificate.not_valid_before_utc,
            end=self.certificate.not_valid_after_utc,
            created=created,
            display_name=f"CIPP-SAM Certificate ({site})",
            custom_key_identifier=self.thumbprint,
        )


def made_certificate(site: str, now: datetime) -> SamCertificate:
    """Return a new certificate of a CIPP. It is valid for 365 days, starting 15 minutes ago."""
    serial = x509.random_serial_number()
    key = _key(serial % _KEYS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CIPP-SAM-{site}")])
    start = now.replace(microsecond=0) - _EARLY
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + _VALID)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    whole = pkcs12.serialize_key_and_certificates(b"CIPP", key, certificate, None, NoEncryption())
    return SamCertificate(certificate, base64.b64encode(whole).decode())


@lru_cache(maxsize=64)  # reading a key checks it, which is slow
def read_certificate(value: str) -> SamCertificate | None:
    """Return the certificate that a vault's value contains, or None if it has none with its own key."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(value, validate=True), None)
    except ValueError:
        return None
    if key is None or certificate is None:
        return None
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*public) != certificate.public_key().public_bytes(*public):
        return None
    return SamCertificate(certificate, value)


def thumbprint_of(certificate: x509.Certificate) -> str:
    """Return the SHA-1 thumbprint in upper-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - Entra uses SHA-1


@cache
def _key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
