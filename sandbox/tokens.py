"""Access tokens: JWTs signed by the sandbox. They use real time, not the sandbox's clock."""

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ALGORITHM: Final = "RS256"
_KEPT: Final = 100  # verified tokens


class InvalidTokenError(Exception):
    """A bearer token that Azure services would reject."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired


class TokenIssuer:
    """Signs tokens with one key per process, and validates them."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha1(public, usedforsecurity=False).digest()
        self._verified: dict[str, dict[str, Any]] = {}
        self._key_id = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def issue(self, claims: Mapping[str, Any], audience: str, lifetime_seconds: int = 3600) -> str:
        """Return a signed token that is valid for `lifetime_seconds` of real time from now."""
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + lifetime_seconds}
        return jwt.encode(
            {"aud": audience, **times, **claims},
            self._key,
            algorithm=_ALGORITHM,
            headers={"kid": self._key_id, "x5t": self._key_id},
        )

    def check(self, token: str, audiences: frozenset[str]) -> dict[str, Any]:
        """Return the claims of a token for one of `audiences`, with or without a trailing slash.

        Raises:
            InvalidTokenError: It was not issued by the sandbox, has expired, or is for another audience.
        """
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("The access token has expired.", expired=True) from error
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(f"The access token is not valid: {error}") from error
        audience = str(claims.get("aud", ""))
        if audience.rstrip("/") not in {a.rstrip("/") for a in audiences}:
            raise InvalidTokenError(f"The access token is for the wrong audience '{audience}'.")
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        """Validate a token. The result is cached until the token expires, so thousands of calls validate it once."""
        known = self._verified.get(token)
        if known is not None and known["exp"] > time.time():
            return known
        claims: dict[str, Any] = jwt.decode(
            token, self._key.public_key(), algorithms=[_ALGORITHM], options={"verify_aud": False}
        )
        if len(self._verified) >= _KEPT:
            self._verified.clear()
        self._verified[token] = claims
        return claims

    def jwks(self) -> dict[str, Any]:
        """Return the public key in the format of Entra's discovery endpoint."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "use": "sig", "kid": self._key_id, "x5t": self._key_id}]}
