"""The values of the template language: their types, their texts, and values that are not known yet."""

import json
from dataclasses import dataclass
from typing import Any, Final

from sandbox.arm.deployments.errors import MissingMemberError

Value = Any  # what JSON may hold, or Unresolved


@dataclass(frozen=True)
class Unresolved:
    """What `reference()` will return after the deployment. `text` is the expression."""

    text: str


_NAMES: Final = {str: "String", bool: "Boolean", int: "Integer", float: "Float", dict: "Object", list: "Array"}


def type_of(value: Value) -> str:
    """Return the name of a value's type, as in Azure's messages."""
    return "Null" if value is None else _NAMES.get(type(value), type(value).__name__)


def is_unresolved(value: Value) -> bool:
    """Return whether a value has a part that is not known yet."""
    if isinstance(value, dict):
        return any(map(is_unresolved, value.values()))
    if isinstance(value, list):
        return any(map(is_unresolved, value))
    return isinstance(value, Unresolved)


def plain(value: Value) -> Value:
    """Return a value as JSON. A part that is not known yet becomes its expression."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value.text if isinstance(value, Unresolved) else value


def text_of(value: Value) -> str:
    """Return a value as `string()`, `concat()` and `format()` show it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def member(target: Value, key: Value) -> Value:
    """Return a member of an object (case-insensitive) or an element of a list.

    Raises:
        ExpressionError: It does not exist.
    """
    if isinstance(target, dict) and isinstance(key, str):
        if (name := key_of(target, key)) is not None:
            return target[name]
        available = ", ".join(target)
        raise MissingMemberError(
            f"The language expression property '{key}' doesn't exist, available properties are '{available}'."
        )
    if isinstance(target, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(target):
            return target[key]
        raise MissingMemberError(f"The language expression property array index '{key}' is out of bounds.")
    raise MissingMemberError(f"The language expression property '{key}' can't be evaluated.")


def key_of(target: dict[str, Value], wanted: str) -> str | None:
    """Return the member's name in its own case, or None if the object does not have it."""
    if wanted in target:
        return wanted
    return next((name for name in target if name.lower() == wanted.lower()), None)
