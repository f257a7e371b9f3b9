"""A certificate with its key, as CIPP stores it."""

import base64
from functools import cache
from typing import cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from tests.support.sandbox.certificate import Certificate


def pfx(certificate: Certificate) -> str:
    """Return base64 of a PFX without a password."""
    whole = pkcs12.serialize_key_and_certificates(b"x", certificate.key, certificate.x509, None, NoEncryption())
    return base64.b64encode(whole).decode()


def opened(text: str) -> tuple[RSAPrivateKey, x509.Certificate]:
    """Return the key and the certificate of what CIPP stores."""
    key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(text), None)
    assert certificate is not None
    return cast("RSAPrivateKey", key), certificate


def thumbprint(certificate: x509.Certificate) -> str:
    """Return a certificate's name in Graph."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, not a protection


@cache
def stored_thumbprint(text: str) -> str:
    """Return the name in Graph of the certificate that CIPP stores as this text; empty if it is not one."""
    try:
        return thumbprint(opened(text)[1])
    except ValueError:
        return ""


def assertion(text: str, claims: dict[str, object]) -> str:
    """Sign a client assertion as CIPP does."""
    key, certificate = opened(text)
    digest = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
    return jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": digest})
