"""The SAM app's certificate: create it, read it from its PFX, and sign tokens that show possession of its key.

The form is CIPP's own: RSA 2048, self-signed with SHA-256, key usage digital signature (critical), extended
key usage client authentication, valid from 15 minutes ago for 365 days, in a PFX without a password.
"""

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from backend.concurrency.loading import LOADING
from backend.errors import InvalidInputError
from backend.values import SecretText

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

BACKDATED: Final = timedelta(minutes=15)
LIFETIME: Final = timedelta(days=365)
# The ID of Azure AD Graph, which Graph still requires as the audience (learn.microsoft.com, application-addKey).
PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key. `thumbprint` is SHA-1 in upper-case hex, as in Graph and CIPP.

    The key is kept in its parsed form: OpenSSL checks its primes whenever it reads a PEM, which is slower than signing.
    """

    thumbprint: str
    starts: datetime
    ends: datetime
    public_der: bytes
    public_pem: str
    private_key: "RSAPrivateKey"
    pfx: SecretText  # base64

    def proof(self, object_id: str) -> str:
        """Return the signed short-lived token that Graph's addKey and removeKey require to show possession of a key."""
        with LOADING:
            import jwt  # noqa: PLC0415 - only a certificate's rotation needs it

        now = int(time.time())
        claims = {"aud": PROOF_AUDIENCE, "iss": object_id, "nbf": now - 60, "exp": now + 540, "jti": str(uuid4())}
        thumbprint = base64.urlsafe_b64encode(bytes.fromhex(self.thumbprint)).rstrip(b"=").decode()
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"x5t": thumbprint})


def make_certificate(site_name: str, now: datetime, lifetime: timedelta = LIFETIME) -> Certificate:
    """Return a new certificate for CN=CIPP-SAM-<site>."""
    with LOADING:
        from cryptography import x509  # noqa: PLC0415 - it takes 50 ms, and only a certificate needs it
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - the same
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - the same

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CIPP-SAM-{site_name}"[:64])])
    signs_only = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    starts = now - BACKDATED
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + lifetime)
        .add_extension(signs_only, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _certificate(key, made)


def read_certificate(pfx: SecretText) -> Certificate:
    """Return the certificate in the vault's value, a PFX without a password in base64.

    Raises:
        InvalidInputError: The value is not such a PFX.
    """
    with LOADING:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - as above

    try:
        key, made, _ = pkcs12.load_key_and_certificates(base64.b64decode(pfx.reveal(), validate=True), None)
    except (ValueError, binascii.Error) as error:
        raise InvalidInputError("Couldn't read the stored certificate: it is not a PFX in base64.") from error
    if not isinstance(key, RSAPrivateKey) or made is None:
        raise InvalidInputError("Couldn't read the stored certificate: its PFX lacks the certificate or an RSA key.")
    return _certificate(key, made)


def _certificate(key: "RSAPrivateKey", made: "x509.Certificate") -> Certificate:
    with LOADING:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - as above

    open_pfx = serialization.NoEncryption()
    pfx = pkcs12.serialize_key_and_certificates(b"CIPP-SAM", key, made, None, open_pfx)
    return Certificate(
        thumbprint=made.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - a name, not a protection
        starts=made.not_valid_before_utc,
        ends=made.not_valid_after_utc,
        public_der=made.public_bytes(serialization.Encoding.DER),
        public_pem=made.public_bytes(serialization.Encoding.PEM).decode(),
        private_key=key,
        pfx=SecretText(base64.b64encode(pfx).decode()),
    )
