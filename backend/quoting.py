"""Which of a caller's texts a message repeats. Pure.

A caller who mixes up two fields has put a secret where a name belongs, and a message goes to the caller, the log stream
and CIPP's Logbook. So a text that nothing confirms is repeated only if it reads like a name that people give.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

WITHHELD: Final = "***"
LONGEST: Final = 64  # a name that is longer is not repeated
MOST_HUMPS: Final = 5  # ExecFunctionAppDeploymentSync has four
# Letters, perhaps with a number at the end: cippabc12. Digits between letters are what keys are made of.
_WORD: Final = r"[A-Za-z]{1,40}[0-9]{0,4}|[0-9]{1,4}"
_NAME: Final = rf"(?=[A-Za-z])(?:{_WORD})(?:[._-]+(?:{_WORD}))*[._-]?"
_GUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# A JWT, refresh tokens of Entra (of work and of personal accounts), tokens of GitHub, GitLab and Slack.
_BEGINNING: Final = r"eyJ|[0-9]\.A|M\.[CR][0-9]|gh[opusr]_|github_pat_|glpat-|xox[a-z]-"
# A client secret of Entra has these two in its first six characters.
_ENTRAS: Final = r"[0-9A-Za-z]Q~"
_BASE64: Final = r"[0-9A-Za-z+/_-]{16,}={1,2}"
_RUN: Final = r"[0-9A-Za-z+/]{20,}"
_CHANGES: Final = 3  # from a digit to a letter: appinsights2024cippabc12x has two


def is_surely_a_key(text: str) -> bool:
    """Return whether a text has a sure sign of a key or a token: a known beginning, Entra's `Q~`, padded base64."""
    return bool(re.match(_BEGINNING, text.strip()) or re.search(_ENTRAS, text) or re.search(_BASE64, text))


def is_like_a_key(text: str) -> bool:
    """Return whether a text can hardly be anything but a key or a token. A GUID, or many short words, are not.

    A name that a template generates may look so, too: for the names of resources use `is_surely_a_key`.
    """
    has_run = any(len(re.findall(r"[0-9][A-Za-z]", run)) >= _CHANGES for run in re.findall(_RUN, text))
    return has_run or is_surely_a_key(text)


def is_like_a_name(text: str) -> bool:
    """Return whether a text that nothing confirms reads like a name: a few words, a GUID, or nothing at all."""
    if not text or re.fullmatch(_GUID, text):
        return True
    return (
        len(text) <= LONGEST
        and re.fullmatch(_NAME, text) is not None
        and all(len(re.findall(r"[a-z][A-Z]", word)) <= MOST_HUMPS for word in re.split(r"[._-]", text))
        and not is_like_a_key(text)
    )


def shown(text: str) -> str:
    """Return the text if it reads like a name, else three stars."""
    return text if is_like_a_name(text) else WITHHELD


def quoted(text: str) -> str:
    """Return the same in quotes, as a message repeats it."""
    return f"'{shown(text)}'"


def spelled(text: str, known: Mapping[str, str]) -> str:
    """Return a name as a message shows it: as it is if it reads like one, else only as Azure confirmed it.

    `known` maps lower case to the confirmed spelling.
    """
    return text if is_like_a_name(text) else known.get(text.lower(), WITHHELD)


def by_lower_case(names: Iterable[str]) -> dict[str, str]:
    """Return confirmed names by their lower case, as `spelled` takes them."""
    return {name.lower(): name for name in names}


def without(text: str, names: Iterable[str]) -> str:
    """Return a foreign text with three stars in place of each of these names, case-insensitive."""
    for name in filter(None, names):
        text = re.sub(re.escape(name), WITHHELD, text, flags=re.IGNORECASE)
    return text
