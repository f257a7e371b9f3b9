"""Edits of a JSON document: each is a path to members, and their new value."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

REMOVE: Final = {"$remove": True}
_SPACINGS: Final = ((",", ":"), (", ", ": "))  # both are common in JSON


@dataclass(frozen=True)
class Edit:
    """One change. In the path, `*` means each member, and `?text` each member whose JSON contains the text."""

    path: tuple[str, ...]
    value: Any


def edited(document: object, edits: Sequence[Edit]) -> object:
    """Return `document` after all edits, in their order. A path that matches nothing changes nothing."""
    for edit in edits:
        document = _edited(document, edit.path, edit.value)
    return document


def edited_json(body: bytes, edits: Sequence[Edit]) -> bytes:
    """Return a body after all edits. A body that is not JSON, or that no edit changes, stays as it is."""
    if not edits:
        return body
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return body
    changed = edited(document, edits)
    return body if _same(document, changed) else json.dumps(changed).encode()


def read_edits(value: object) -> tuple[Edit, ...]:
    """Read the member `edit` of a fault.

    Raises:
        ValueError: The value is not a list of [path, value]. The message names the invalid entry.
    """
    if not isinstance(value, list):
        raise ValueError("edit must be a list of [path, value].")  # noqa: TRY004 - one kind of error for its reader
    return tuple(_read(entry, number) for number, entry in enumerate(value, 1))


def _read(entry: object, number: int) -> Edit:
    if not isinstance(entry, list) or len(entry) != 2:
        raise ValueError(f"edit {number} must be [path, value].")
    path, value = entry
    names = path.split(".") if isinstance(path, str) else path
    if not isinstance(names, list) or not names or not all(_is_name(name) for name in names):
        raise ValueError(f"edit {number}: the path must be text with dots, or a list of names.")
    if isinstance(path, str) and not all(names):
        raise ValueError(f"edit {number}: the path '{path}' has an empty name. Use a list of names for it.")
    return Edit(tuple(str(name) for name in names), value)


def _is_name(name: object) -> bool:
    return isinstance(name, str) or (isinstance(name, int) and not isinstance(name, bool) and name >= 0)


def _edited(node: object, path: tuple[str, ...], value: object) -> object:
    if not isinstance(node, dict | list):
        return node
    members = dict(node) if isinstance(node, dict) else {str(at): member for at, member in enumerate(node)}
    name, rest = path[0], path[1:]
    names = [own for own, member in members.items() if _is_meant(own, member, name)]
    if not names and not rest and isinstance(node, dict) and value != REMOVE and name[:1] not in ("*", "?"):
        names = [name]
    for own in names:
        if rest:
            members[own] = _edited(members[own], rest, value)
        elif value == REMOVE:
            del members[own]
        else:
            members[own] = copy.deepcopy(value)
    return members if isinstance(node, dict) else list(members.values())


def _is_meant(own: str, member: object, name: str) -> bool:
    if name.startswith("?"):
        texts = (json.dumps(member, ensure_ascii=False, separators=spacing) for spacing in _SPACINGS)
        return any(name[1:] in text for text in texts)
    return name in ("*", own)


def _same(before: object, after: object) -> bool:
    # In Python 1 equals True and 1.0. In JSON they are different texts.
    return json.dumps(before) == json.dumps(after)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON.")
