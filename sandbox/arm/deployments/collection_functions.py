"""The functions of the template language that work on lists, objects, numbers and logical values."""

from functools import reduce
from typing import Any, Final

from sandbox.arm.deployments.errors import ExpressionError
from sandbox.arm.deployments.text_functions import number, text
from sandbox.arm.deployments.values import Value, key_of, member, type_of


def _length(value: Value) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise ExpressionError(
        f"The template language function 'length' expects its parameter to be an array, object or string. The "
        f"provided value is of type '{type_of(value)}'."
    )


def _contains(container: Value, wanted: Value) -> bool:
    if isinstance(container, dict):
        return key_of(container, text(wanted, "contains")) is not None
    if isinstance(container, list):
        return any(_equals(item, wanted) for item in container)
    return text(wanted, "contains") in text(container, "contains")


def _equals(one: Value, other: Value) -> bool:
    return type_of(one) == type_of(other) and bool(one == other)


def _object(*pairs: Value) -> dict[str, Value]:
    if len(pairs) % 2:
        raise ExpressionError("The template language function 'createObject' expects an even number of arguments.")
    return {text(name, "createObject"): value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _union(*parts: Value) -> Value:
    if all(isinstance(part, dict) for part in parts):
        return reduce(_merged, parts)
    if all(isinstance(part, list) for part in parts):
        found: list[Value] = []
        for item in (item for part in parts for item in part):
            if not any(_equals(item, other) for other in found):
                found.append(item)
        return found
    raise ExpressionError(
        "The provided arguments for template language function 'union' is not valid: all arguments must be of type "
        "'Array' or 'Object'."
    )


def _merged(one: dict[str, Value], other: dict[str, Value]) -> dict[str, Value]:
    """Return both objects as one. Objects in them are merged, too. Other members come from the second."""
    merged = dict(one)
    for name, value in other.items():
        known = key_of(merged, name)
        if known is not None and isinstance(merged[known], dict) and isinstance(value, dict):
            merged[known] = _merged(merged[known], value)
        else:
            merged[known or name] = value
    return merged


def _intersection(first: Value, *others: Value) -> Value:
    if isinstance(first, dict):
        return {k: v for k, v in first.items() if all(k in other and _equals(v, other[k]) for other in others)}
    return [item for item in first if all(_contains(other, item) for other in others)]


def _try_get(target: Value, *keys: Value) -> Value:
    for key in keys:
        try:
            target = member(target, key)
        except ExpressionError:
            return None
    return target


def _take(value: Value, count: Value) -> Value:
    return _sequence(value, "take")[: max(0, number(count, "take"))]


def _skip(value: Value, count: Value) -> Value:
    return _sequence(value, "skip")[max(0, number(count, "skip")) :]


def _sequence(value: Value, function: str) -> Any:  # noqa: ANN401 - a text or a list
    if isinstance(value, str | list):
        return value
    raise ExpressionError(f"The template language function '{function}' expects an array or a string.")


def _first(value: Value) -> Value:
    whole = _sequence(value, "first")
    return whole[0] if whole else ("" if isinstance(whole, str) else None)


def _last(value: Value) -> Value:
    whole = _sequence(value, "last")
    return whole[-1] if whole else ("" if isinstance(whole, str) else None)


def _numbers(function: str, values: tuple[Value, ...]) -> list[int]:
    listed = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    return [number(value, function) for value in listed]


def _bool(value: Value) -> bool:
    if isinstance(value, bool | int):
        return bool(value)
    if text(value, "bool").lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise ExpressionError(f"The template language function 'bool' can't convert '{value}'.")


def boolean(value: Value, function: str) -> bool:
    """Return a value that must be a logical value."""
    if isinstance(value, bool):
        return value
    raise ExpressionError(
        f"The provided arguments for template language function '{function}' is not valid: all arguments should be "
        "of type 'boolean'."
    )


def _items(value: Value) -> list[Value]:
    return [{"key": key, "value": value[key]} for key in sorted(value, key=str.lower)]


# By lower-case name: the function, and the smallest and largest number of its arguments.
FUNCTIONS: Final[dict[str, tuple[Any, int, int | None]]] = {
    "add": (lambda a, b: number(a, "add") + number(b, "add"), 2, 2),
    "array": (lambda a: a if isinstance(a, list) else [a], 1, 1),
    "bool": (_bool, 1, 1),
    "contains": (_contains, 2, 2),
    "createarray": (lambda *items: list(items), 0, None),
    "createobject": (_object, 0, None),
    "div": (lambda a, b: number(a, "div") // number(b, "div"), 2, 2),
    "empty": (lambda a: a is None or len(a) == 0, 1, 1),
    "equals": (_equals, 2, 2),
    "false": (lambda: False, 0, 0),
    "first": (_first, 1, 1),
    "greater": (lambda a, b: a > b, 2, 2),
    "greaterorequals": (lambda a, b: a >= b, 2, 2),
    "intersection": (_intersection, 2, None),
    "items": (_items, 1, 1),
    "last": (_last, 1, 1),
    "length": (_length, 1, 1),
    "less": (lambda a, b: a < b, 2, 2),
    "lessorequals": (lambda a, b: a <= b, 2, 2),
    "max": (lambda *values: max(_numbers("max", values)), 1, None),
    "min": (lambda *values: min(_numbers("min", values)), 1, None),
    "mod": (lambda a, b: number(a, "mod") % number(b, "mod"), 2, 2),
    "mul": (lambda a, b: number(a, "mul") * number(b, "mul"), 2, 2),
    "not": (lambda a: not boolean(a, "not"), 1, 1),
    "null": (lambda: None, 0, 0),
    "objectkeys": (lambda a: sorted(a, key=str.lower), 1, 1),
    "range": (lambda first, count: list(range(first, first + count)), 2, 2),
    "skip": (_skip, 2, 2),
    "sub": (lambda a, b: number(a, "sub") - number(b, "sub"), 2, 2),
    "take": (_take, 2, 2),
    "true": (lambda: True, 0, 0),
    "tryget": (_try_get, 2, None),
    "union": (_union, 1, None),
}
