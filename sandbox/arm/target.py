"""What a path names: its provider and type, the right that a call on it needs, and where."""

from dataclasses import dataclass
from typing import Final

_VERBS: Final = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """A path taken apart; `provider` is None above all providers."""

    provider: str | None
    type: str
    action: str
    scope: str


def target_of(method: str, path: str) -> Target:
    """Take a path apart as ARM's access control does.

    After the provider's name types and names take turns, so a POST that ends on a type ends on
    an action of the resource before it: `sites/x/restart` needs `Microsoft.Web/sites/restart/action`.
    """
    segments = path.strip("/").split("/")
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
