"""The functions that the worker and the host refuse, as rules over the functions of an app.

The worker refuses the whole app for one invalid function. The host then refuses single functions.
What the azure-functions library itself refuses (two functions with the same name, no trigger or two,
an unknown HTTP method) never gets here: it raises while the app is built, see `worker`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from azure.functions.decorators.core import Binding
from azure.functions.decorators.function_app import Function
from azure.functions.decorators.http import HttpTrigger
from azure.functions.decorators.timer import TimerTrigger

from sandbox.host import schedule, signature
from sandbox.host.route import RouteTemplateError, parse

FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}")
RESERVED_NAME = "host"
RESERVED_ROUTES = ("admin", "runtime")


@dataclass(frozen=True)
class Refusals:
    """Why an app, or single functions of it, would not load in Azure. Empty if everything loads."""

    app: tuple[str, ...] = ()
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def refusals(functions: Sequence[Function], environ: Mapping[str, str], route_prefix: str = "api") -> Refusals:
    """Apply every rule to the functions from `app.get_functions()`.

    Args:
        functions: All functions of one app.
        environ: The app settings. Schedules reference them as %NAME%.
        route_prefix: The value of extensions.http.routePrefix in host.json.
    """
    app = tuple(
        f"Cannot load the function {name_of(function)}: {reason}"
        for function in functions
        for reason in signature.refusals(function)
    )
    if app:
        return Refusals(app)
    refused: dict[str, tuple[str, ...]] = {}
    accepted: list[Function] = []
    for function in sorted(functions, key=lambda one: name_of(one).lower()):
        reasons = (*_alone(function, environ, route_prefix), *_beside(function, accepted))
        if reasons:
            refused[name_of(function)] = reasons
        else:
            accepted.append(function)
    return Refusals((), refused)


def name_of(function: Function) -> str:
    """Return the name by which Azure identifies the function."""
    return str(function.get_function_name())


def route_of(trigger: HttpTrigger) -> str:
    """Return the route's text as the host compares it."""
    return str(trigger.route).strip("/")


def methods_of(trigger: HttpTrigger) -> frozenset[str]:
    """Return the methods in capitals. An empty set means all methods."""
    return frozenset(str(method).upper() for method in trigger.methods or ())


def _alone(function: Function, environ: Mapping[str, str], route_prefix: str) -> Iterator[str]:
    name = name_of(function)
    if not FUNCTION_NAME.fullmatch(name) or name.lower() == RESERVED_NAME:
        yield f'the name "{name}" must match {FUNCTION_NAME.pattern} and not be "{RESERVED_NAME}".'
    yield from _bindings(function.get_bindings())
    trigger = function.get_trigger()
    if isinstance(trigger, HttpTrigger):
        yield from _route(trigger, route_prefix)
    elif isinstance(trigger, TimerTrigger):
        try:
            schedule.parse(trigger.schedule, environ)
        except schedule.ScheduleError as error:
            yield str(error)


def _bindings(bindings: Sequence[Binding]) -> Iterator[str]:
    seen: set[str] = set()
    for binding in bindings:
        if binding.name != signature.RETURN and not BINDING_NAME.fullmatch(binding.name):
            yield f'the binding name "{binding.name}" must match {BINDING_NAME.pattern}: no underscore.'
        if binding.name.lower() in seen:
            yield f'two bindings are named "{binding.name}" (names are case-insensitive).'
        seen.add(binding.name.lower())


def _route(trigger: HttpTrigger, route_prefix: str) -> Iterator[str]:
    route = str(trigger.route)
    if route_of(trigger).lower().startswith(RESERVED_ROUTES):
        yield f'the route "{route}" begins with "admin" or "runtime", which the host reserves.'
    if route.startswith("/") and route_prefix:
        yield f'the route "{route}" begins with a slash, which results in "{route_prefix}//".'
    try:
        parse(route_of(trigger))
    except RouteTemplateError as error:
        yield f'the route "{route}" is not valid: {error}'


def _beside(function: Function, accepted: Sequence[Function]) -> Iterator[str]:
    trigger = function.get_trigger()
    for other in accepted:
        if name_of(other).lower() == name_of(function).lower():
            yield f'the function "{name_of(other)}" has the same name (names are case-insensitive).'
        others = other.get_trigger()
        if isinstance(trigger, HttpTrigger) and isinstance(others, HttpTrigger):
            yield from _same_route(trigger, name_of(other), others)


def _same_route(trigger: HttpTrigger, other_name: str, other: HttpTrigger) -> Iterator[str]:
    mine, theirs = methods_of(trigger), methods_of(other)
    overlap = not mine or not theirs or mine & theirs
    if overlap and route_of(trigger).lower() == route_of(other).lower():
        yield f'the function "{other_name}" already has the route "{trigger.route}" for the same methods.'
