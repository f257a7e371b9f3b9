"""An app registration and its credentials."""

import base64
import hashlib
import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sandbox.moment import moment
from sandbox.names import PLANTED

_SECRET_LETTERS: Final = string.ascii_letters + string.digits + "._~-"


@dataclass(frozen=True)
class PasswordCredential:
    """A client secret. `created` is when Entra stored it. Sign-in with it works some seconds later."""

    secret_text: str = field(repr=False)
    start: datetime
    end: datetime
    created: datetime
    display_name: str | None = None
    key_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_graph(self, *, with_secret: bool = False) -> dict[str, Any]:
        """Return it in Graph's format. The secret's text is null except in the first response."""
        return {
            "customKeyIdentifier": None,
            "displayName": self.display_name,
            "endDateTime": moment(self.end),
            "hint": self.secret_text[:3],
            "keyId": self.key_id,
            "secretText": self.secret_text if with_secret else None,
            "startDateTime": moment(self.start),
        }


@dataclass(frozen=True)
class KeyCredential:
    """A certificate. Entra has only its public part."""

    certificate: bytes  # DER
    start: datetime
    end: datetime
    created: datetime
    display_name: str | None = None
    key_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"
    custom_key_identifier: str | None = None  # hexadecimal. Entra fills in the SHA-1 thumbprint.

    def loaded(self) -> x509.Certificate:
        """Return the certificate."""
        return x509.load_der_x509_certificate(self.certificate)

    @property
    def thumbprint_sha1(self) -> str:
        """The SHA-1 thumbprint in upper-case hexadecimal."""
        return hashlib.sha1(self.certificate, usedforsecurity=False).hexdigest().upper()

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> str:
        """Return the thumbprint in the format of a JWT header."""
        return base64.urlsafe_b64encode(self.loaded().fingerprint(algorithm)).rstrip(b"=").decode()

    def as_graph(self, *, with_key: bool = False) -> dict[str, Any]:
        """Return it in Graph's format. Include `key` only if it was selected."""
        return {
            "customKeyIdentifier": self.custom_key_identifier,
            "displayName": self.display_name,
            "endDateTime": moment(self.end),
            "key": base64.b64encode(self.certificate).decode() if with_key else None,
            "keyId": self.key_id,
            "startDateTime": moment(self.start),
            "type": self.type,
            "usage": self.usage,
        }


@dataclass(frozen=True)
class Application:
    """An app registration in its home tenant. `properties` are Graph's other properties, by Graph's names.

    A change creates a new object, so that an earlier state can still be read.
    """

    id: str
    app_id: str
    tenant_id: str
    display_name: str
    created: datetime
    passwords: tuple[PasswordCredential, ...] = ()
    keys: tuple[KeyCredential, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()  # object IDs
    federated: tuple[Mapping[str, Any], ...] = ()  # federated identity credentials, as Graph shows them
    refresh_token: str | None = field(default=None, repr=False)  # of a spare app, in no vault

    def snapshot(self) -> dict[str, Any]:
        """Return what `/sandbox/state` shows, including secrets."""
        return {
            "id": self.id,
            "displayName": self.display_name,
            "passwordCredentials": [p.as_graph(with_secret=True) for p in self.passwords],
            "keyCredentials": [k.as_graph(with_key=True) for k in self.keys],
            **({"refreshToken": self.refresh_token} if self.refresh_token else {}),
        }


def new_secret_text() -> str:
    """Return a new client secret that looks like Entra's: 40 characters with `8Q~` in them."""
    letters = [secrets.choice(_SECRET_LETTERS) for _ in range(37 - len(PLANTED))]
    return "".join([*letters[:3], "8Q~", PLANTED, *letters[3:]])


def is_live(credential: PasswordCredential | KeyCredential, now: datetime, propagation: timedelta) -> bool:
    """Return whether a credential can sign in now."""
    return credential.created + propagation <= now and credential.start <= now < credential.end
