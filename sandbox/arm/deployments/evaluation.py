"""The value of an expression, and of everything in a template that contains expressions."""

from typing import Any, Final

from sandbox.arm.deployments import collection_functions, deployment_functions, text_functions
from sandbox.arm.deployments.collection_functions import boolean
from sandbox.arm.deployments.context import Context
from sandbox.arm.deployments.deployment_functions import not_expected
from sandbox.arm.deployments.errors import ExpressionError, MissingMemberError
from sandbox.arm.deployments.expressions import FunctionCall, Literal, Member, Node, calls, is_expression, parse
from sandbox.arm.deployments.text_functions import number, text
from sandbox.arm.deployments.values import Unresolved, Value, is_unresolved, key_of, member

_PURE: Final = {**text_functions.FUNCTIONS, **collection_functions.FUNCTIONS}
_OF_THE_DEPLOYMENT: Final = deployment_functions.FUNCTIONS
_LONGEST_COPY: Final = 800


def evaluate(value: Value, context: Context) -> Value:
    """Return a value of a template with its expressions evaluated.

    A part that a reference makes unknown before the deployment is `Unresolved`.

    Raises:
        ExpressionError: An expression can't be evaluated.
    """
    if isinstance(value, dict):
        return _object(value, context)
    if isinstance(value, list):
        return [evaluate(item, context) for item in value]
    if is_expression(value):
        try:
            found = _node(parse(value), context, value)
        except MissingMemberError:
            if context.lookups is None or not context.lookups.is_early or not _has_lookup(value):
                raise
            return Unresolved(value)  # the deployment may add it to what exists
        return Unresolved(value) if isinstance(found, Unresolved) else found
    if isinstance(value, str) and value.startswith("[["):
        return value[1:]
    return value


def _has_lookup(text: str) -> bool:
    return any(call.name == "reference" or call.name.startswith("list") for call in calls(parse(text)))


def variable(name: str, context: Context) -> Value:
    """Return a variable's value.

    Raises:
        ExpressionError: The template does not have it, or it refers to itself.
    """
    variables = context.variables
    if variables is None:
        raise not_expected("variables")
    loop = next((one for one in variables.raw.get("copy") or () if one["name"].lower() == name.lower()), None)
    if loop is not None:
        return _loop(loop, context.without_lookups())
    known = key_of(dict(variables.raw), name)
    if known is None:
        raise ExpressionError(
            f"The template variable '{name}' is not found. Please see https://aka.ms/arm-syntax-variables for usage "
            "details."
        )
    if known not in variables.known:
        if known in variables.pending:
            raise ExpressionError(f"The template variable '{name}' refers to itself.")
        variables.pending.add(known)
        variables.known[known] = evaluate(variables.raw[known], context.without_lookups())
        variables.pending.discard(known)
    return variables.known[known]


def _object(value: dict[str, Any], context: Context) -> dict[str, Value]:
    """Return an object. The member `copy` is a list of loops, each of which becomes a member."""
    whole: dict[str, Value] = {}
    for name, given in value.items():
        if name.lower() == "copy" and _is_loops(given):
            for loop in given:
                whole[loop["name"]] = _loop(loop, context)
        else:
            key = evaluate(name, context)
            if isinstance(key, Unresolved):
                raise not_expected("reference")
            whole[key] = evaluate(given, context)
    return whole


def _is_loops(given: object) -> bool:
    loops = given if isinstance(given, list) else [None]
    return all(isinstance(one, dict) and {"name", "count", "input"} <= set(one) for one in loops)


def _loop(loop: dict[str, Any], context: Context) -> list[Value]:
    name = text(loop["name"], "copy")
    rounds = copy_count(loop, context)
    return [evaluate(loop["input"], context.in_copy(name, index)) for index in range(rounds)]


def copy_count(loop: dict[str, Any], context: Context) -> int:
    """Return the number of rounds of a copy loop."""
    rounds = number(evaluate(loop.get("count"), context.without_lookups()), "copy")
    if not 0 <= rounds <= _LONGEST_COPY:
        raise ExpressionError(f"The template copy count '{rounds}' is not valid: it must be from 0 to {_LONGEST_COPY}.")
    return rounds


def _node(node: Node, context: Context, whole: str) -> Value:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Member):
        target, key = _node(node.target, context, whole), _node(node.key, context, whole)
        return Unresolved(whole) if isinstance(target, Unresolved) or is_unresolved(key) else member(target, key)
    if node.name in _LAZY:
        return _LAZY[node.name](node, context, whole)
    return _call(node, [_node(argument, context, whole) for argument in node.arguments], context, whole)


def _call(node: FunctionCall, arguments: list[Value], context: Context, whole: str) -> Value:
    if node.name == "reference" or node.name.startswith("list"):
        return _lookup(node, arguments, context, whole)
    if node.name == "variables":
        _check_count(node, 1, 1)
        return variable(text(arguments[0], "variables"), context)
    if node.name in _OF_THE_DEPLOYMENT:
        function, least, most = _OF_THE_DEPLOYMENT[node.name]
        _check_count(node, least, most)
        return Unresolved(whole) if is_unresolved(arguments) else function(context, arguments)
    if node.name not in _PURE:
        raise ExpressionError(
            f"The template function '{node.written}' is not valid. Please see https://aka.ms/arm-functions for usage "
            "details."
        )
    function, least, most = _PURE[node.name]
    _check_count(node, least, most)
    if is_unresolved(arguments) and node.name not in ("createarray", "createobject"):
        return Unresolved(whole)
    try:
        return function(*arguments)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ExpressionError(
            f"The provided arguments for template language function '{node.written}' is not valid."
        ) from error


def _lookup(node: FunctionCall, arguments: list[Value], context: Context, whole: str) -> Value:
    """Return what `reference()` or a list function reads. An unknown name makes the result unknown."""
    if context.lookups is None:
        raise not_expected(node.written)
    if is_unresolved(arguments):
        return Unresolved(whole)
    words = [text(argument, node.written) for argument in arguments[:2]]
    if node.name == "reference":
        _check_count(node, 1, 3)
        full = len(arguments) > 2 and text(arguments[2], "reference").lower() == "full"
        return context.lookups.reference(words[0], words[1] if len(words) > 1 else None, full=full, text=whole)
    _check_count(node, 2, 3)
    body = arguments[2] if len(arguments) > 2 else None
    return context.lookups.listed(node.written, words[0], words[1], body, whole)


def _check_count(node: FunctionCall, least: int, most: int | None) -> None:
    given = len(node.arguments)
    if given < least or (most is not None and given > most):
        raise ExpressionError(
            f"Unable to evaluate template language function '{node.written}': function requires "
            f"{least if least == most else f'at least {least}'} argument(s) while {given} were provided. Please see "
            f"https://aka.ms/arm-functions/#{node.name} for usage details."
        )


def _if(node: FunctionCall, context: Context, whole: str) -> Value:
    _check_count(node, 3, 3)
    condition = _node(node.arguments[0], context, whole)
    if isinstance(condition, Unresolved):
        return condition
    return _node(node.arguments[1 if boolean(condition, "if") else 2], context, whole)


def _coalesce(node: FunctionCall, context: Context, whole: str) -> Value:
    for argument in node.arguments:
        if (value := _node(argument, context, whole)) is not None:
            return value
    return None


def _and(node: FunctionCall, context: Context, whole: str) -> Value:
    return _until(node, context, whole, ends_with=False)


def _or(node: FunctionCall, context: Context, whole: str) -> Value:
    return _until(node, context, whole, ends_with=True)


def _until(node: FunctionCall, context: Context, whole: str, *, ends_with: bool) -> Value:
    _check_count(node, 2, None)
    for argument in node.arguments:
        value = _node(argument, context, whole)
        if isinstance(value, Unresolved):
            return value
        if boolean(value, node.name) is ends_with:
            return ends_with
    return not ends_with


_LAZY: Final = {"if": _if, "coalesce": _coalesce, "and": _and, "or": _or}
