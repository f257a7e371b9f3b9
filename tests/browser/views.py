"""The views of the console, from its own list, and the places that show each one."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sandbox import names
from settings.console.files import FOLDER

_LIST: Final = re.compile(r"^const VIEWS = \{$(.*?)^\};$", re.MULTILINE | re.DOTALL)
_VIEW: Final = re.compile(r'^  (?:"(?P<quoted>\w*)"|(?P<plain>\w+)): \{ title: "', re.MULTILINE)
UNKNOWN_RUN: Final = "0123456789ab"
# Beside its first place, a view has others with another content.
PLACES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("",),
        "keys": ("keys", "keys/RefreshToken", "keys/ApplicationSecret", "keys/nothing"),
        "runs": (f"runs/{UNKNOWN_RUN}",),
        "settings": ("settings", f"settings/{names.OFFLOAD_SITE}"),
        "domains": ("domains",),
        "users": ("users",),
        "signin": ("signin",),
        "deployment": ("deployment", f"deployment/{names.OFFLOAD_SITE}"),
        "migration": ("migration",),
        "permissions": ("permissions",),
        "log": ("log",),
        "nowhere": ("nowhere",),  # not found
    }
)
NOT_FOUND: Final = PLACES["runs"]  # the API has no such run
# A container has one app. Such a place has the error of the API there.
ONLY_FUNCTIONS: Final = frozenset(
    place for places in PLACES.values() for place in places if names.OFFLOAD_SITE in place
)


def views() -> list[str]:
    """Return the first parts of all places, as `frame.js` lists them."""
    found = _LIST.search((FOLDER / "js" / "views" / "frame.js").read_text(encoding="utf-8"))
    assert found, "frame.js has no VIEWS"
    return [one["quoted"] or one["plain"] or "" for one in _VIEW.finditer(found[1])]


def places(shape: str) -> list[str]:
    """Return the places of all views in a shape of CIPP."""
    found = [place for view in PLACES for place in PLACES[view]]
    return [place for place in found if shape == "functions" or place not in ONLY_FUNCTIONS]
