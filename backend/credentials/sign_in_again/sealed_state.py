"""The state of a sign-in between its two calls, sealed for the caller.

Each call can run on another instance, so the state travels with the caller. It contains the device code, or the code
verifier of PKCE, and the caller must not read either. So it is encrypted and authenticated with AES-256-GCM. The key is
derived by HKDF from a secret of the vault, the installation and the caller. For anyone else, or after that secret has
changed, the state can't be opened.
"""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from backend.concurrency.loading import LOADING
from backend.credentials.sign_in_again.account import Account
from backend.credentials.sign_in_again.results import Method
from backend.errors import InvalidInputError
from backend.readings import count_or_none, object_of, text_of, text_or_none
from backend.values import SecretText

LONGEST: Final = 8_192  # characters. A device code has about 300.
_PURPOSE: Final = "CIPP Backend sign-in again 1"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # of AES-GCM. Each state has a new one.
_TAG_BYTES: Final = 16


class UnknownStateError(InvalidInputError):
    """The state is not one that this app sealed for this caller, or its key has changed."""


@dataclass(frozen=True)
class SignInState:
    """A sign-in that was started. `id` identifies it, and is in no other.

    `code` is the device code or the code verifier. `account` is that of the token at the start.
    """

    id: str
    name: str
    tenant: str
    method: Method
    code: SecretText
    account: Account
    interval_seconds: int
    expires: datetime


def seal(state: SignInState, secret: SecretText, bound_to: Sequence[str]) -> str:
    """Return a state as a text that only the same secret opens, for the same installation and caller."""
    fields = {
        "id": state.id,
        "name": state.name,
        "tenant": state.tenant,
        "method": state.method,
        "code": state.code.reveal(),
        "account": [state.account.id, state.account.name],
        "interval": state.interval_seconds,
        "expires": int(state.expires.timestamp()),
    }
    with LOADING:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only a sign-in needs it

    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(secret, bound_to)).encrypt(nonce, json.dumps(fields).encode(), _PURPOSE.encode())
    return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()


def opened(text: str, secret: SecretText, bound_to: Sequence[str]) -> SignInState:
    """Return the state in a text.

    Raises:
        UnknownStateError: The text was changed, or sealed with another secret, by another installation or for another
            caller.
    """
    with LOADING:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - the same

    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(raw) < _NONCE_BYTES + _TAG_BYTES:
            raise ValueError("too short")  # noqa: TRY301 - the same outcome
        plain = AESGCM(_key(secret, bound_to)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _PURPOSE.encode())
    except (ValueError, InvalidTag) as error:
        raise UnknownStateError(
            "Invalid State: it is not complete, is from another user or installation, or CIPP's client secret or "
            "certificate was changed since the start.",
            field="State",
            advice="Start the sign-in again.",
        ) from error
    fields = object_of(json.loads(plain))
    account_id, account_name = fields["account"]
    method: Method = "device" if fields.get("method") == "device" else "code"
    return SignInState(
        id=text_of(fields.get("id")),
        name=text_of(fields.get("name")),
        tenant=text_of(fields.get("tenant")),
        method=method,
        code=SecretText(text_of(fields.get("code"))),
        account=Account(text_or_none(account_id), text_or_none(account_name)),
        interval_seconds=count_or_none(fields.get("interval")) or 0,
        expires=datetime.fromtimestamp(count_or_none(fields.get("expires")) or 0, UTC),
    )


def _key(secret: SecretText, bound_to: Sequence[str]) -> bytes:
    with LOADING:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - the same

    # JSON, so that no two lists have the same text.
    info = json.dumps([_PURPOSE, *bound_to]).encode()
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=info).derive(secret.reveal().encode())
