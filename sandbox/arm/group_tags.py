"""The tags of a group as a resource, `Microsoft.Resources/tags/default`. PUT replaces them all."""

from dataclasses import replace
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import ResourceGroup

_TAGS: Final = f"{GROUP}/providers/Microsoft.Resources/tags/default"


def _shown(group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": f"{group.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": group.tags},
    }


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call.group()))


def _put(call: Call) -> Response:
    tags = call.properties.get("tags")
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise refused(400, "InvalidRequestContent", "The 'properties.tags' must be an object of texts.")
    group = replace(call.group(), tags=tags)
    call.arm.groups[group.name.lower()] = group
    return JSONResponse(_shown(group))


OPERATIONS: Final = (Operation("GET", _TAGS, _get), Operation("PUT", _TAGS, _put))
