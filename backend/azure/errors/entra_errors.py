"""What the error codes of Microsoft Entra ID mean for CIPP: the cause, who can remove it, and what it shows of the key.

The codes for token requests are from learn.microsoft.com/entra/identity-platform/reference-error-codes, as listed in
`entra_error_table.py`. Entra puts their numbers into the description, into `error_codes`, or into `error_uri`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from backend.azure.errors.entra_error_table import ROWS


class Verdict(Enum):
    """What a refusal shows about the key in the request."""

    DEAD = "dead"  # revoked or expired, from any place
    REFUSED_HERE = "refused here"  # because of place, device or risk: it might work from CIPP
    UNPROVEN = "unproven"  # something else is wrong, and the key might be valid


@dataclass(frozen=True)
class Meaning:
    """The cause in a sentence, and advice that names who can remove it."""

    cause: str
    advice: str
    verdict: Verdict = Verdict.UNPROVEN


MEANINGS: Final = MappingProxyType(
    {code: Meaning(cause, advice, Verdict(verdict)) for code, verdict, cause, advice in ROWS}
)
_OF_THE_APP: Final = (7000215, 7000222, 700027)
_INVALID_GRANT: Final = 70000
_WRAPPERS: Final = (70002,)  # "Error validating credentials", followed by the code of the cause
_UNKNOWN: Final = (
    "Look up the code at https://learn.microsoft.com/entra/identity-platform/reference-error-codes. "
    "Keep the trace id for support"
)
_ID: Final = r"[0-9a-fA-F-]{1,36}(?![0-9a-fA-F-])"
# Members of Entra's body beside the description, how a description names them, and their format.
_APART: Final = (
    ("trace_id", "Trace ID", _ID),
    ("correlation_id", "Correlation ID", _ID),
    ("timestamp", "Timestamp", r"[0-9][0-9 T:.-]{9,29}Z?"),
)


def description_of(body: Mapping[str, Any]) -> str:
    """Return Entra's description of a refusal, with codes and ids that only other members of the body have. Pure."""
    text = body.get("error_description")
    description = text if isinstance(text, str) else ""
    listed = body.get("error_codes")
    codes = [str(code) for code in (listed if isinstance(listed, list) else [listed]) if _is_code(code)]
    if not codes and "AADSTS" not in description:
        codes = re.findall(r"[?&]code=(\d{1,10})(?!\d)", str(body.get("error_uri") or ""))[:1]
    beside = [f"AADSTS{code}" for code in codes if int(code) not in _codes_of(description)]
    for name, words, form in _APART:
        value = body.get(name)
        if words not in description and isinstance(value, str) and re.fullmatch(form, value):
            beside.append(f"{words}: {value}")
    return "\r\n".join([description, *beside])


def code_of(description: str) -> int | None:
    """Return the AADSTS code that counts in Entra's description, or None without a code.

    Of several codes, it is the first known one. A code that is not final for the key comes before one that is.
    """
    codes = _codes_of(description)
    known = [code for code in codes if code in MEANINGS]
    causes = [code for code in known if code not in _WRAPPERS] or known
    open_ones = [code for code in causes if MEANINGS[code].verdict is not Verdict.DEAD]
    return next(iter([*open_ones, *causes, *codes]), None)


def is_of_the_app(description: str) -> bool:
    """Return whether a refusal is about the app's own credential. It shows nothing about a token in the request."""
    return code_of(description) in _OF_THE_APP


def meaning_of(description: str) -> Meaning:
    """Return what a refusal means. For an unknown code, it contains the ids, never Entra's own text.

    A known code beside an unknown one is not final for the key.
    """
    code = code_of(description)
    if meaning := MEANINGS.get(code or 0):
        # Entra also sends 70000 for scopes without consent, which shows nothing about the token.
        is_of_scopes = code == _INVALID_GRANT and "scopes requested" in description.lower()
        is_certain = all(other in MEANINGS for other in _codes_of(description)) and not is_of_scopes
        return (
            meaning if is_certain or meaning.verdict is not Verdict.DEAD else replace(meaning, verdict=Verdict.UNPROVEN)
        )
    trace = _beside(description, "Trace ID", _ID)
    which = f"The app does not know Entra's code AADSTS{code}" if code else "Entra sent no code that the app knows"
    ids = {words.lower(): _beside(description, words, form) for _, words, form in _APART[1:]}
    others = ", ".join(f"{words} {value}" for words, value in ids.items() if value)
    return Meaning(
        f"{which}{f' (trace id {trace})' if trace else ''}.", f"{_UNKNOWN}{f' ({others})' if others else ''}."
    )


def _codes_of(description: str) -> list[int]:
    """Return the codes in a description, without duplicates."""
    found = re.findall(r"AADSTS(\d{1,10})(?!\d)", description, re.IGNORECASE)
    return list(dict.fromkeys(map(int, found)))


def _is_code(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,10}", str(value)) is not None


def _beside(description: str, words: str, form: str) -> str:
    """Return the text of a format after certain words in a description, or "" if it is missing."""
    found = re.search(rf"{words}: *({form})", description)
    return found[1] if found else ""
