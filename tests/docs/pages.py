"""The places of generated parts: `<!-- generated: NAME -->` on one line, and `<!-- end -->` on a later one."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.docs.permissions import permissions
from tests.docs.tables import endpoints, errors, roles, timers
from tests.docs.timeouts import timeouts

ROOT: Final = Path(__file__).parents[2]
# By page, what each part is made of.
PARTS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "docs/api.md": {"endpoints": endpoints, "timers": timers, "errors": errors},
    "docs/permissions.md": {"permissions": permissions},
    "docs/access.md": {"roles": roles},
    "docs/settings.md": {"timeouts": timeouts},
}
PART: Final = re.compile(r"^<!-- generated: (\S+) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)


class MarkerError(Exception):
    """A page does not exist, or its markers do not fit the parts that belong there."""


def stale() -> dict[str, str]:
    """Return the pages that `make docs` would change, with their new text.

    Raises:
        MarkerError: A page or a marker is missing, or a marker names an unknown part.
    """
    pages = {}
    for page, parts in PARTS.items():
        path = ROOT / page
        if not path.is_file():
            raise MarkerError(f"{page} does not exist. It must hold the generated parts {', '.join(parts)}.")
        text = path.read_text(encoding="utf-8")
        new = filled(page, text, parts)
        if new != text:
            pages[page] = new
    return pages


def filled(page: str, text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return the text of a page with its parts made from the code.

    Raises:
        MarkerError: The markers are not those of the parts, each once.
    """
    marked = [match[1] for match in PART.finditer(text)]
    if sorted(marked) != sorted(parts):
        raise MarkerError(f"{page} has the generated parts {marked}. It must have {list(parts)}, each once.")
    return PART.sub(lambda match: f"<!-- generated: {match[1]} -->\n\n{parts[match[1]]()}\n<!-- end -->", text)


def write(page: str, text: str) -> None:
    """Write one page."""
    (ROOT / page).write_text(text, encoding="utf-8")
