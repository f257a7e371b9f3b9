"""A self-signed certificate in the form that the rotation creates."""

import base64
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.support.start_times import start


@dataclass(frozen=True)
class Certificate:
    """A key and its certificate, valid for `days` from the sandbox's start time, and since `age` days before it."""

    days: int = 365
    age: int = 0

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def x509(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CIPP-SAM-cippabc12")])
        now = datetime.fromisoformat(start())
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=self.age, minutes=15))
        builder = builder.not_valid_after(now + timedelta(days=self.days))
        return builder.sign(self.key, hashes.SHA256())

    @property
    def public(self) -> str:
        """The certificate as `key` of a key credential."""
        return base64.b64encode(self.x509.public_bytes(serialization.Encoding.DER)).decode()

    def entry(self) -> dict[str, str]:
        """Return a new key credential in Graph's format."""
        return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": self.public, "displayName": "CIPP"}

    def signed(self, issuer: str, audience: str, lifetime_seconds: int = 120) -> str:
        """Return a signed assertion."""
        now = int(time.time())
        thumbprint = base64.urlsafe_b64encode(self.x509.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
        claims = {
            "iss": issuer,
            "sub": issuer,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "nbf": now - 600,
            "exp": now + lifetime_seconds,
        }
        return jwt.encode(claims, self.key, algorithm="PS256", headers={"x5t#S256": thumbprint})
