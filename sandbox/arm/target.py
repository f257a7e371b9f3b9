"""The parts of a path: its provider and type, and the action and scope for the permission check."""

import re
from dataclasses import dataclass
from typing import Final

_VERBS: Final = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}

# The operations of a deployment are also at a path without a provider.
_OPERATIONS: Final = re.compile(r"^(subscriptions/[^/]+(?:/resourcegroups/[^/]+)?)/(deployments/.+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A parsed path. A path above all providers has None as `provider`."""

    provider: str | None
    type: str
    action: str
    scope: str


def target_of(method: str, path: str) -> Target:
    """Parse a path as ARM's access control does.

    After the provider, types and names alternate. So a POST to a path that ends in a type is an
    action on the resource before it: `sites/x/restart` requires `Microsoft.Web/sites/restart/action`.
    """
    segments = _OPERATIONS.sub(r"\1/providers/Microsoft.Resources/\2", path.strip("/")).split("/")
    below = [i for i, s in enumerate(segments) if s.lower() == "providers" and i + 2 < len(segments)]
    if not below:
        return _above_providers(method, segments)
    start = below[-1] + 1
    provider, rest = segments[start], segments[start + 1 :]
    types, collection = rest[0::2], len(rest) % 2 == 1
    verb = "action" if method == "POST" else _VERBS[method]
    scope = segments[: start + 1] if len(rest) == 1 else segments[: len(segments) - collection]
    if method != "POST" and provider.lower() == "microsoft.authorization":
        scope = segments[: start - 1] if len(rest) == 1 else segments
    return Target(provider, types[0], "/".join([provider, *types, verb]), "/" + "/".join(scope))


def _above_providers(method: str, segments: list[str]) -> Target:
    verb = _VERBS.get(method, "action")
    kinds = ["subscriptions"]
    names = {s.lower(): s for s in segments}
    if "resourcegroups" in names:
        kinds.append("resourceGroups")
    if segments[-1].lower() in ("resources", "locations", "providers"):
        kinds.append(segments[-1].lower())
    depth = 4 if len(segments) > 3 and "resourcegroups" in names else 2
    scope = "/" + "/".join(segments[:depth])
    return Target(None, kinds[-1], "/".join(["Microsoft.Resources", *kinds, verb]), scope)
