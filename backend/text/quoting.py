"""Which texts of a caller a message may repeat. Pure.

A caller might mix up two fields and send a secret as a name. Messages go to the caller, the log stream and CIPP's
Logbook. So an unconfirmed text is repeated only if it looks like a name that a person would choose.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

WITHHELD: Final = "***"
LONGEST: Final = 64  # longer names are not repeated
MOST_HUMPS: Final = 5  # ExecFunctionAppDeploymentSync has four
# Letters, optionally with a number at the end: cippabc12. Digits between letters are typical of keys.
_WORD: Final = r"[A-Za-z]{1,40}[0-9]{0,4}|[0-9]{1,4}"
_NAME: Final = rf"(?=[A-Za-z])(?:{_WORD})(?:[._-]+(?:{_WORD}))*[._-]?"
_GUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# A JWT, refresh tokens of Entra (work and personal accounts), tokens of GitHub, GitLab and Slack.
_BEGINNING: Final = r"eyJ|[0-9]\.A|M\.[CR][0-9]|gh[opusr]_|github_pat_|glpat-|xox[a-z]-"
# A client secret of Entra has these in its first six characters.
_ENTRAS: Final = r"[0-9A-Za-z]Q~"
_BASE64: Final = r"[0-9A-Za-z+/_-]{16,}={1,2}"
_RUN: Final = r"[0-9A-Za-z+/]{20,}"
_CHANGES: Final = 3  # from a digit to a letter: appinsights2024cippabc12x has two


def is_surely_a_key(text: str) -> bool:
    """Return whether a text is clearly a key or a token: by a known prefix, Entra's `Q~`, or padded base64."""
    return bool(re.match(_BEGINNING, text.strip()) or re.search(_ENTRAS, text) or re.search(_BASE64, text))


def is_like_a_key(text: str) -> bool:
    """Return whether a text is almost certainly a key or a token. A GUID, or many short words, are not.

    Names that a template generates can look similar. For names of resources, use `is_surely_a_key`.
    """
    has_run = any(len(re.findall(r"[0-9][A-Za-z]", run)) >= _CHANGES for run in re.findall(_RUN, text))
    return has_run or is_surely_a_key(text)


def is_like_a_name(text: str) -> bool:
    """Return whether an unconfirmed text looks like a name: a few words, a GUID, or an empty text."""
    if not text or re.fullmatch(_GUID, text):
        return True
    return (
        len(text) <= LONGEST
        and re.fullmatch(_NAME, text) is not None
        and all(len(re.findall(r"[a-z][A-Z]", word)) <= MOST_HUMPS for word in re.split(r"[._-]", text))
        and not is_like_a_key(text)
    )


def shown(text: str) -> str:
    """Return the text if it looks like a name, otherwise three asterisks."""
    return text if is_like_a_name(text) else WITHHELD


def quoted(text: str) -> str:
    """Return the result of `shown` in quotes, for a message."""
    return f"'{shown(text)}'"


def spelled(text: str, known: Mapping[str, str]) -> str:
    """Return a name for a message: unchanged if it looks like one, otherwise only as Azure confirmed it.

    `known` maps lower case to the confirmed spelling.
    """
    return text if is_like_a_name(text) else known.get(text.lower(), WITHHELD)


def by_lower_case(names: Iterable[str]) -> dict[str, str]:
    """Return confirmed names by their lower case, for `spelled`."""
    return {name.lower(): name for name in names}


def without(text: str, names: Iterable[str]) -> str:
    """Return a text of another program with three asterisks in place of each of these names, case-insensitive."""
    for name in filter(None, names):
        text = re.sub(re.escape(name), WITHHELD, text, flags=re.IGNORECASE)
    return text
