"""Where a deployment deploys to, and the IDs of resources there."""

from dataclasses import dataclass

from sandbox.arm.deployments.errors import ExpressionError
from sandbox.arm.deployments.text_functions import text
from sandbox.arm.deployments.values import Value


@dataclass(frozen=True)
class DeploymentScope:
    """A resource group, or the subscription if `group` is None."""

    subscription_id: str
    group: str | None

    @property
    def id(self) -> str:
        """The ID of the group or of the subscription."""
        home = f"/subscriptions/{self.subscription_id}"
        return home if self.group is None else f"{home}/resourceGroups/{self.group}"


def id_below(scope: str, kind: str, names: list[str]) -> str:
    """Return the ID of a resource, whose type and names alternate below its provider."""
    provider, *types = kind.split("/")
    pairs = [part for pair in zip(types, names, strict=True) for part in pair]
    return "/".join([scope.rstrip("/"), "providers", provider, *pairs])


def resource_id(scope: DeploymentScope, arguments: list[Value]) -> str:
    """Return what `resourceId()` does. A subscription and a group can stand before the type."""
    before, kind, names = _parts("resourceId", arguments, 2)
    home = scope
    if before:
        group = before[-1] if len(before) == 2 or scope.group is not None else None
        subscription = before[0] if len(before) == 2 or group is None else scope.subscription_id
        home = DeploymentScope(subscription, group)
    return id_below(home.id, kind, names)


def subscription_resource_id(scope: DeploymentScope, arguments: list[Value]) -> str:
    """Return what `subscriptionResourceId()` does."""
    before, kind, names = _parts("subscriptionResourceId", arguments, 1)
    return id_below(f"/subscriptions/{before[0] if before else scope.subscription_id}", kind, names)


def tenant_resource_id(arguments: list[Value]) -> str:
    """Return what `tenantResourceId()` does."""
    _, kind, names = _parts("tenantResourceId", arguments, 0)
    return id_below("", kind, names)


def extension_resource_id(arguments: list[Value]) -> str:
    """Return what `extensionResourceId()` does: the first argument is the ID of the extended resource."""
    _, kind, names = _parts("extensionResourceId", arguments[1:], 0)
    return id_below(text(arguments[0], "extensionResourceId"), kind, names)


def _parts(function: str, arguments: list[Value], most_before: int) -> tuple[list[str], str, list[str]]:
    """Return what stands before the type, the type, and the names after it."""
    words = [text(argument, function) for argument in arguments]
    index = next((i for i, word in enumerate(words) if "/" in word.strip("/")), None)
    if index is None or index > most_before:
        raise ExpressionError(
            f"Unable to evaluate template language function '{function}': function requires fully qualified resource "
            f"type '{words[0] if words else ''}' as one of first {most_before + 1} arguments. Please see "
            "https://aka.ms/arm-resource-functions/#resourceid for usage details."
        )
    kind, names = words[index].strip("/"), words[index + 1 :]
    if len(names) != kind.count("/"):
        raise ExpressionError(
            f"Unable to evaluate template language function '{function}': the type '{kind}' requires "
            f"'{kind.count('/')}' resource name argument(s). Please see "
            "https://aka.ms/arm-resource-functions/#resourceid for usage details."
        )
    return words[:index], kind, names
