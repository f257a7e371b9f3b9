"""Changes that a test makes to Entra's token responses: another account, fewer scopes, an unreadable token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from sandbox.tokens import TokenIssuer

_FIELDS: Final = frozenset({"claims", "opaque", "answer"})


@dataclass(frozen=True)
class Alteration:
    """`claims` replace those of the access token and ID token, `answer` the members beside them. null removes one."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    opaque: bool = False  # an access token in a format that clients don't know

    def of(self, body: bytes, tokens: TokenIssuer) -> bytes:
        """Return the changed response of the token endpoint. A response without a token stays as it is."""
        try:
            response = json.loads(body)
        except ValueError:
            return body
        if not isinstance(response, dict) or "access_token" not in response:
            return body
        for name in ("access_token", "id_token"):
            if self.claims and name in response:
                claims = jwt.decode(response[name], options={"verify_signature": False})
                audience = claims.pop("aud")
                response[name] = tokens.issue(_merged(claims, self.claims), audience, claims["exp"] - claims["iat"])
        if self.opaque:
            response["access_token"] = "EwBYA8l6BAAU" + "opaque" * 100
        return json.dumps(_merged(response, self.answer)).encode()


UNALTERED: Final = Alteration()


def read_alteration(value: object) -> Alteration:
    """Read the member `alter` of a fault.

    Raises:
        ValueError: The value doesn't have the documented form. The message states why.
    """
    if not isinstance(value, dict) or value.keys() - _FIELDS:
        raise ValueError(f"alter must be an object of {', '.join(sorted(_FIELDS))}.")
    claims, answer, opaque = value.get("claims", {}), value.get("answer", {}), value.get("opaque", False)
    if not (isinstance(claims, dict) and isinstance(answer, dict) and isinstance(opaque, bool)):
        raise ValueError("alter: claims and answer must be objects, opaque a boolean.")  # noqa: TRY004 - it is one rule
    return Alteration(claims, answer, opaque)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}
