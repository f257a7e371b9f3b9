"""The text of a template: JSON with comments, names without quotes, and commas before an end.

The Azure CLI sends its body as `{"properties": {..., template:{...}}}`, with the template's file as it is.
"""

import json
import re
from typing import Any, Final

from sandbox.arm.errors import refused

_COMMENT: Final = r"//[^\n]*|/\*.*?\*/"
_TOKEN: Final = re.compile(
    rf'(?P<text>"(?:\\.|[^"\\])*")|(?P<comment>{_COMMENT})|(?P<word>[A-Za-z_$][\w$]*)'
    rf"|(?P<comma>,(?=(?:\s|{_COMMENT})*[}}\]]))|[^\"/A-Za-z_$,]+|.",
    re.DOTALL,
)
_WORDS: Final = frozenset({"true", "false", "null"})


def read_text(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises:
        ArmError: 400. It is not one.
    """
    try:
        body = json.loads(_TOKEN.sub(_plain, raw.decode()), strict=False)
    except ValueError as error:
        raise _invalid(str(error)) from error
    if not isinstance(body, dict):
        raise _invalid("a JSON object was expected")
    return body


def _plain(match: re.Match[str]) -> str:
    if match["comment"] or match["comma"]:
        return " "
    word = match["word"]
    return f'"{word}"' if word and word not in _WORDS else match[0]


def _invalid(why: str) -> Exception:
    message = f"The request content was invalid and could not be deserialized: '{why}'."
    return refused(400, "InvalidRequestContent", message)
