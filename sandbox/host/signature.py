"""The Python worker's requirements for a handler's signature.

Source: Azure/azure-functions-python-worker and azure-functions-runtime, seen running.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import azure.functions as func
from azure.functions.decorators.core import Binding, BindingDirection
from azure.functions.decorators.function_app import Function

RETURN = "$return"
CONTEXT = "context"


def refusals(function: Function) -> Iterator[str]:
    """Yield a sentence for each reason why the worker refuses this function (and with it the whole app)."""
    handler = function.get_user_function()
    try:
        annotations = typing.get_type_hints(handler)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation can raise anything
        yield f"an annotation is not valid: {type(error).__name__}: {error}."
        return
    bindings: list[Binding] = function.get_bindings()
    yield from _directions(bindings)
    bound = {binding.name: binding for binding in bindings if binding.name != RETURN}
    yield from _names(handler, bound)
    yield from _context(annotations, bound)
    for name, binding in bound.items():
        if name in annotations:
            yield from _parameter(binding, annotations[name])
    for binding in bindings:
        if binding.name == RETURN and "return" in annotations:
            yield from _returned(binding.type, annotations["return"])


def takes_context(handler: Callable[..., object]) -> bool:
    """Return whether the handler has a parameter for the invocation's context."""
    return CONTEXT in inspect.signature(handler).parameters


def converter(binding_type: str | None) -> Any:  # noqa: ANN401 - azure-functions doesn't type its converters
    """Return the converter that azure-functions registers for this binding, or None for an unknown binding."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def _directions(bindings: list[Binding]) -> Iterator[str]:
    for binding in bindings:
        if binding.direction == BindingDirection.INOUT.value:
            yield f'the binding "{binding.name}" is "inout", which Python does not support.'
        if binding.name == RETURN and binding.direction != BindingDirection.OUT.value:
            yield 'the "$return" binding must have the direction "out".'


def _names(handler: Callable[..., object], bound: Mapping[str, Binding]) -> Iterator[str]:
    parameters = set(inspect.signature(handler).parameters)
    if CONTEXT not in bound:
        parameters.discard(CONTEXT)
    for name in sorted(parameters - set(bound)):
        yield f'no binding has the name of its parameter "{name}" (a default value does not help).'
    for name in sorted(set(bound) - parameters):
        yield f'it has no parameter for the binding "{name}".'


def _context(annotations: Mapping[str, object], bound: Mapping[str, Binding]) -> Iterator[str]:
    annotation = annotations.get(CONTEXT, func.Context)
    if CONTEXT not in bound and not (isinstance(annotation, type) and annotation.__name__ == "Context"):
        yield f'its parameter "context" must be an azure.functions.Context, not {annotation!r}.'


def _parameter(binding: Binding, annotation: object) -> Iterator[str]:
    is_out = binding.direction == BindingDirection.OUT.value
    origin = typing.get_origin(annotation) or annotation
    says_out = isinstance(origin, type) and origin.__name__ == "Out"
    if is_out != says_out:
        demanded = "func.Out[...]" if is_out else "no func.Out"
        yield f'its parameter "{binding.name}" is bound as {_way(binding)}, so its annotation must be {demanded}.'
        return
    if says_out:
        inner = typing.get_args(annotation)
        if len(inner) != 1:
            yield f'its parameter "{binding.name}" needs one type in func.Out[...], not {annotation!r}.'
            return
        annotation = inner[0]
    origin = typing.get_origin(annotation)
    if isinstance(origin, type) and origin is not types.UnionType:
        return
    if not isinstance(annotation, type):
        yield f'its parameter "{binding.name}" has an annotation that is not a type: {annotation!r}.'
    elif annotation not in (str, bytes) and not _fits(binding.type, annotation, is_out=is_out):
        yield (
            f'its parameter "{binding.name}" is annotated {annotation.__name__}, '
            f"which is not the type of {binding.type}."
        )


def _returned(binding_type: str | None, annotation: object) -> Iterator[str]:
    if not isinstance(annotation, type):
        yield f"it has an invalid non-type return annotation {annotation!r}."
    elif not _fits(binding_type, annotation, is_out=True):
        yield f'its return annotation "{annotation.__name__}" does not fit the binding "{binding_type}".'


def _fits(binding_type: str | None, annotation: type, *, is_out: bool) -> bool:
    known = converter(binding_type)
    if known is None:
        return True
    check = known.check_output_type_annotation if is_out else known.check_input_type_annotation
    return bool(check(annotation))


def _way(binding: Binding) -> str:
    return "output" if binding.direction == BindingDirection.OUT.value else "input"
