"""The address of the last page of a sign-in, which a person pastes, or the authorization code in it. Pure."""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from backend.azure.errors.entra_errors import code_of, meaning_of
from backend.errors import InvalidInputError
from backend.sam_app.person_sign_in import SignInEndedError
from backend.values import SecretText

LONGEST: Final = 16_384  # characters
_CODE: Final = r"[0-9A-Za-z._~-]{16,8192}"
_FIELD: Final = "Pasted"
_WHERE: Final = "Copy the whole address of the empty page that follows the sign-in. It contains code= and state=."


def code_in(pasted: SecretText, state: str) -> SecretText:
    """Return the authorization code. A code alone is accepted, because its code verifier binds it to the sign-in.

    Raises:
        InvalidInputError: The text is neither such an address nor a code. It is not repeated.
        SignInEndedError: Entra refused the sign-in, or the address belongs to another sign-in.
    """
    text = pasted.reveal().strip()
    if len(text) > LONGEST:
        raise InvalidInputError(
            f"Invalid Pasted: it has more than {LONGEST:,} characters.", field=_FIELD, advice=_WHERE
        )
    if re.fullmatch(_CODE, text):
        return SecretText(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    query = parse_qs(parts.query or parts.fragment)
    if query.get("error"):
        raise _refused(query)
    codes = query.get("code", [])
    if len(codes) != 1 or not re.fullmatch(_CODE, codes[0]):
        raise InvalidInputError(
            "Invalid Pasted: it is neither an authorization code nor an address that contains one.",
            field=_FIELD,
            advice=_WHERE,
        )
    if query.get("state") != [state]:
        raise SignInEndedError(
            "The pasted address belongs to another sign-in.",
            advice="Paste the address from the sign-in that you started last, or start again.",
        )
    return SecretText(codes[0])


def _refused(query: dict[str, list[str]]) -> SignInEndedError:
    """Return the error for a sign-in that Entra refused in the browser. Its text is not repeated."""
    description = " ".join(query.get("error_description", []))
    code, meaning = code_of(description), meaning_of(description)
    if code is None:
        return SignInEndedError("The sign-in was canceled or denied.", advice="Start the sign-in again.")
    return SignInEndedError(
        f"Microsoft Entra ID refused the sign-in (AADSTS{code}). {meaning.cause}", advice=meaning.advice
    )
