"""The resources that a template deploys: one for each round of a copy loop, with names, conditions and order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.arm.deployments.context import Context
from sandbox.arm.deployments.errors import (
    SYNTAX,
    ExpressionError,
    InvalidTemplateError,
    unknown_reference,
    unknown_resource,
)
from sandbox.arm.deployments.evaluation import copy_count, evaluate
from sandbox.arm.deployments.scope import DeploymentScope, id_below
from sandbox.arm.deployments.values import Unresolved, is_unresolved

NESTED: Final = "microsoft.resources/deployments"
_GROUPS: Final = "microsoft.resources/resourcegroups"
# Members in which `reference()` is refused: Microsoft documents it for properties and outputs alone.
_EARLY: Final = ("location", "kind", "sku", "identity", "tags", "plan", "zones", "managedBy", "extendedLocation")
_USAGE: Final = "Please see https://aka.ms/arm-template-expressions for usage details."


@dataclass(eq=False)
class PlannedResource:
    """One resource to deploy. `context` knows the round of its copy loop."""

    id: str
    name: str
    type: str
    version: str
    scope: DeploymentScope  # of a nested deployment: where it deploys to
    raw: Mapping[str, Any]
    context: Context
    path: str
    condition: bool
    identified: bool = True  # false if a value that only the deployment knows is in its name or scope
    loop: str | None = None
    early: dict[str, Any] = field(default_factory=dict)  # the members that are known before the deployment
    needs: list["PlannedResource"] = field(default_factory=list)

    @property
    def is_nested(self) -> bool:
        """Whether it is a deployment of its own."""
        return self.type.lower() == NESTED


def plan(resources: tuple[Mapping[str, Any], ...], context: Context) -> list[PlannedResource]:
    """Return the resources of a template, with those that each needs before it.

    Those with a false condition are among them: others may name them.

    Raises:
        InvalidTemplateError: The template is not valid.
    """
    found = list(_planned(resources, context, "properties.template.resources", None))
    names = [resource.id.lower() for resource in found]
    for resource in found:
        if names.count(resource.id.lower()) > 1:
            raise InvalidTemplateError(
                f"The resource '{_short(resource.id)}' at line '1' and column '1' is defined multiple times in a "
                f"template. {SYNTAX}",
                resource.path,
            )
    for resource in found:
        resource.needs = _needs(resource, found)
    _check_circles(found)
    return found


def named(name: str, resources: list[PlannedResource]) -> list[PlannedResource]:
    """Return the resources that a name refers to: an ID, a short ID, a name or a copy loop."""
    wanted = name.strip("/").lower()
    exact = [r for r in resources if r.id.strip("/").lower() == wanted]
    if exact:
        return exact
    below = f"{{}}/providers/{wanted}"
    short = [r for r in resources if r.id.lower() == below.format(r.scope.id.lower())]
    return short or [r for r in resources if wanted in (r.name.lower(), (r.loop or "").lower())]


def _planned(
    resources: tuple[Mapping[str, Any], ...], context: Context, path: str, parent: tuple[str, str] | None
) -> Iterator[PlannedResource]:
    for index, raw in enumerate(resources):
        where = f"{path}[{index}]"
        loop = raw.get("copy")
        try:
            rounds = copy_count(loop, context) if loop else 1
            for number in range(rounds):
                inside = context.in_copy(loop["name"], number) if loop else context
                yield from _one(raw, inside, where, parent, loop["name"] if loop else None)
        except ExpressionError as error:
            raise InvalidTemplateError(
                f"The template resource '{raw['name']}' at line '1' and column '1' is not valid: {error}. {_USAGE}",
                where,
            ) from error


def _one(
    raw: Mapping[str, Any], context: Context, path: str, parent: tuple[str, str] | None, loop: str | None
) -> Iterator[PlannedResource]:
    early = context.without_lookups()
    kind, name = str(evaluate(raw["type"], early)), evaluate(raw["name"], early)
    extended = evaluate(raw.get("scope"), early)
    identified = not is_unresolved([name, extended])
    name = str(name) if identified else "/".join(["?"] * kind.count("/"))
    if parent is not None:
        kind, name = f"{parent[0]}/{kind}", f"{parent[1]}/{name}"
    if kind.count("/") != name.count("/") + 1:
        raise InvalidTemplateError(
            f"The template resource '{name}' for type '{kind}' at line '1' and column '1' has incorrect segment "
            "lengths. A nested resource type must have identical number of segments as its resource name. A root "
            f"resource type must have segment length one greater than its resource name. {SYNTAX}",
            path,
        )
    condition = evaluate(raw.get("condition", True), early)
    if isinstance(condition, Unresolved):
        condition = True
    if not isinstance(condition, bool):
        raise ExpressionError("The condition must be a logical value")
    scope = _nested_scope(raw, early) if kind.lower() == NESTED else context.target
    yield PlannedResource(
        id=_id(early, kind, name, scope, extended) if identified else f"{scope.id}/{path}/{_rounds(context)}",
        name=name,
        type=kind,
        version=str(evaluate(raw["apiVersion"], early)),
        scope=scope,
        raw=raw,
        context=context,
        path=path,
        condition=condition,
        identified=identified,
        loop=loop,
        early={member: evaluate(raw[member], early) for member in _EARLY if member in raw},
    )
    yield from _planned(tuple(raw.get("resources") or ()), context, f"{path}.resources", (kind, name))


def _nested_scope(raw: Mapping[str, Any], context: Context) -> DeploymentScope:
    """Return where a nested deployment deploys to: its own group or subscription, or the outer one's."""
    group, subscription = (evaluate(raw.get(name), context) for name in ("resourceGroup", "subscriptionId"))
    if group is None and subscription is None:
        return context.target
    return DeploymentScope(str(subscription or context.target.subscription_id), group)


def _rounds(context: Context) -> str:
    return "-".join(str(one.index) for one in context.copies)


def _id(context: Context, kind: str, name: str, scope: DeploymentScope, extended: Any) -> str:  # noqa: ANN401 - JSON
    if kind.lower() == _GROUPS:
        return f"/subscriptions/{context.target.subscription_id}/resourceGroups/{name}"
    home = scope.id
    if extended:
        whole = str(extended)
        home = whole if whole.startswith("/") else f"{scope.id}/providers/{whole}"
    return id_below(home, kind, name.split("/"))


def _short(whole: str) -> str:
    """Return the type and the name in an ID, such as `Microsoft.Web/sites/x`."""
    return whole.rpartition("/providers/")[2] or whole


def _needs(resource: PlannedResource, all_: list[PlannedResource]) -> list[PlannedResource]:
    needed: list[PlannedResource] = []
    for raw in resource.raw.get("dependsOn") or ():
        name = evaluate(raw, resource.context.without_lookups())
        if isinstance(name, Unresolved):
            continue
        if not isinstance(name, str):
            raise InvalidTemplateError(f"The dependency '{raw}' of '{resource.name}' must be a text.", resource.path)
        matching = named(name, all_)
        if not matching and "/" in name:
            raise unknown_resource(_short(name))
        if not matching:
            raise unknown_reference(name)
        needed += matching
    return needed


def _check_circles(resources: list[PlannedResource]) -> None:
    done: set[str] = set()

    def visit(resource: PlannedResource, above: tuple[str, ...]) -> None:
        if resource.id in above:
            raise InvalidTemplateError(
                f"Circular dependency detected on resource: '{resource.id}'. {SYNTAX}", resource.path
            )
        if resource.id not in done:
            for needed in resource.needs:
                visit(needed, (*above, resource.id))
            done.add(resource.id)

    for resource in resources:
        visit(resource, ())
