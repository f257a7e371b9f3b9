"""Characters in pasted text that are invisible or look like others. Pure.

A name with a zero-width space looks right but is not found. A secret with one can be stored but can't sign in. A
message names the character and its position, and never repeats the text.
"""

from enum import Enum
from typing import Final


class Takes(Enum):
    """What a field accepts. No field accepts an invisible character, except for the line breaks named here."""

    NAME = "one name, id or address: no character that looks like a dash, a quote and so on, and no separator"
    LINE = "one line of any text"
    VALUE = "one line, except PEM and JSON, which can have line breaks"
    SETTING = "any text with tabs, and with line breaks that are not at its start or end"


PEM: Final = "-----BEGIN "
_LINE_BREAKS: Final = "\t\r\n"
_SEPARATORS: Final = ",;|"
# Invisible, although Unicode classifies them as letters, marks or symbols: fillers, variation selectors, blank Braille.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0\ufffc\ufffd\U0001d159\U00016fe4"
)
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0000, 0xE1000))
_INVISIBLE: Final = frozenset(("Cc", "Cf", "Cn", "Zs", "Zl", "Zp", "Cs", "Co"))
# Look-alikes of ASCII's dashes, quotes, periods, slashes, colons and commas that neither their category nor their
# compatibility form shows.
_LOOK_ALIKES: Final = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02c8\u02ca\u02cb\u02d7\u02f4\u00b4\u00b7\u05f3\u05f4\u060c\u201a\u201e"
    "\u2032\u2033\u2034\u2035\u2036\u2037\u2043\u2044\u2212\u2215\u2219\u2236\u22c5\u29f8\u3001\u3002\u301d\u301e"
    "\u301f\ua789\uff61"
)
# Python's Unicode data has no names of control characters.
_CONTROLS: Final = {
    0x00: "NULL",
    0x07: "BELL",
    0x08: "BACKSPACE",
    0x09: "CHARACTER TABULATION",
    0x0A: "LINE FEED",
    0x0B: "LINE TABULATION",
    0x0C: "FORM FEED",
    0x0D: "CARRIAGE RETURN",
    0x1B: "ESCAPE",
    0x7F: "DELETE",
    0x85: "NEXT LINE",
}


def problem_with_text(text: str, takes: Takes) -> str:
    """Return why a field does not accept a text, as in "contains U+200B ...", or "". The text is not repeated."""
    if not (text.isascii() and text.isprintable()):
        for position, character in enumerate(text, 1):
            if _is_invisible(character) and not _is_line_break_in_its_place(text, position, takes):
                return f"contains {_named(character, position)}, which is invisible or looks like an ordinary space"
            if takes is Takes.NAME and _is_look_alike(character):
                return f"contains {_named(character, position)}, which looks like another character"
    if takes is Takes.NAME:
        for position, character in enumerate(text, 1):
            if character in _SEPARATORS or (character == " " and _is_between_addresses(text, position)):
                return f"contains {_named(character, position)}, which separates entries, but only one is allowed"
        if text.count("@") > 1:
            second = text.index("@", text.index("@") + 1) + 1
            return f"contains a second {_named('@', second)}, but only one address is allowed"
    return ""


def _is_between_addresses(text: str, position: int) -> bool:
    """Return whether the texts before and after a position look like addresses or domains."""
    return all("@" in side or "." in side.strip(". ") for side in (text[: position - 1], text[position:]))


def _is_invisible(character: str) -> bool:
    import unicodedata  # noqa: PLC0415 - needed for few texts only

    code = ord(character)
    return character != " " and (
        unicodedata.category(character) in _INVISIBLE
        or character in _BLANK
        or any(code in selectors for selectors in _SELECTORS)
    )


def _is_look_alike(character: str) -> bool:
    import unicodedata  # noqa: PLC0415 - needed for few texts only

    return not character.isascii() and (
        unicodedata.category(character) in ("Pd", "Pi", "Pf")
        or character in _LOOK_ALIKES
        or unicodedata.normalize("NFKC", character).isascii()
    )


def _is_line_break_in_its_place(text: str, position: int, takes: Takes) -> bool:
    """Return whether the character at a position is a tab or line break that the field accepts there."""
    if text[position - 1] not in _LINE_BREAKS:
        return False
    if (PEM in text or text.lstrip().startswith(("{", "["))) and takes in (Takes.VALUE, Takes.SETTING):
        return True
    is_within = bool(text[: position - 1].strip()) and bool(text[position:].strip())
    return takes is Takes.SETTING and (is_within or text[position - 1] == "\t")


def _named(character: str, position: int) -> str:
    import unicodedata  # noqa: PLC0415 - needed for few texts only

    code = ord(character)
    name = unicodedata.name(character, "") or _CONTROLS.get(code, "a character without a name")
    return f"U+{code:04X} ({name}) at position {position}"
