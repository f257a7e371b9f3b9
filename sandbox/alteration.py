"""What a test lets Entra say otherwise: another account, fewer scopes, a token that nobody can read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from sandbox.tokens import TokenIssuer

_FIELDS: Final = frozenset({"claims", "opaque", "answer"})


@dataclass(frozen=True)
class Alteration:
    """`claims` replace those of the access token and the id token, `answer` the members beside them; null removes."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    opaque: bool = False  # an access token in no form that a client knows

    def of(self, body: bytes, tokens: TokenIssuer) -> bytes:
        """Return the altered response of the token endpoint. One without a token stays as it is."""
        try:
            answer = json.loads(body)
        except ValueError:
            return body
        if not isinstance(answer, dict) or "access_token" not in answer:
            return body
        for name in ("access_token", "id_token"):
            if self.claims and name in answer:
                told = jwt.decode(answer[name], options={"verify_signature": False})
                audience = told.pop("aud")
                answer[name] = tokens.issue(_merged(told, self.claims), audience, told["exp"] - told["iat"])
        if self.opaque:
            answer["access_token"] = "EwBYA8l6BAAU" + "opaque" * 100
        return json.dumps(_merged(answer, self.answer)).encode()


UNALTERED: Final = Alteration()


def read_alteration(value: object) -> Alteration:
    """Read the member `alter` of a fault.

    Raises:
        ValueError: It is not what the contract says; the message says why.
    """
    if not isinstance(value, dict) or value.keys() - _FIELDS:
        raise ValueError(f"alter must be an object of {', '.join(sorted(_FIELDS))}.")
    claims, answer, opaque = value.get("claims", {}), value.get("answer", {}), value.get("opaque", False)
    if not (isinstance(claims, dict) and isinstance(answer, dict) and isinstance(opaque, bool)):
        raise ValueError("alter: claims and answer must be objects, opaque a boolean.")  # noqa: TRY004 - it is one rule
    return Alteration(claims, answer, opaque)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}
