"""Whether permissions, as Resource Manager lists them, include an action. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from backend.readings import texts_of

Permissions = Sequence[Mapping[str, Any]]


def allowed(permissions: Permissions, action: str, *, on_data: bool = False) -> bool:
    """Return whether permissions include an action on resources, or on data.

    Each permission belongs to one role. An action that one role excludes can be in another.
    """
    kind, excluded = ("dataActions", "notDataActions") if on_data else ("actions", "notActions")
    return any(
        any(_fits(action, pattern) for pattern in texts_of(permission.get(kind)))
        and not _is_excluded(action, permission.get(excluded))
        for permission in permissions
    )


def _is_excluded(action: str, patterns: object) -> bool:
    """Return whether a role excludes an action, True if its exclusions can't be read."""
    if patterns is None:
        return False
    known = texts_of(patterns)
    is_readable = isinstance(patterns, list) and len(known) == len(patterns)
    return not is_readable or any(_fits(action, pattern) for pattern in known)


def _fits(action: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None
