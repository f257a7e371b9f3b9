"""The names of properties in a document, compared with the models of azure-mgmt-web.

The SDK's models come from Microsoft's specification, so a misspelled property is not among them. Azure ignores most
unknown properties.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

from azure.mgmt.web import models

BY_TYPE: Final = {
    "Microsoft.Web/sites": models.Site,
    "Microsoft.Web/serverfarms": models.AppServicePlan,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": models.CsmPublishingCredentialsPoliciesEntity,
    "Microsoft.Web/sites/config/authsettingsV2": models.SiteAuthSettingsV2,
}
# Members of a resource in a template that its model does not have, and the SKU, which only a request has.
_OF_TEMPLATE: Final = {"type", "apiVersion", "name", "dependsOn", "condition", "copy", "scope", "sku"}


def model_of(resource: dict[str, Any]) -> type | None:
    """Return the model of a template's resource, or None if the SDK has none."""
    kind = str(resource["type"])
    if kind == "Microsoft.Web/sites/config":
        kind = f"{kind}/{str(resource['name']).rpartition('/')[2].partition(chr(39))[0]}"
    return BY_TYPE.get(kind)


def unknown_properties(resource: dict[str, Any], model: type) -> list[str]:
    """Return the path of each property of a resource that its model does not have."""
    members = {name: value for name, value in resource.items() if name not in _OF_TEMPLATE}
    return list(_unknown(members, model, ""))


def _unknown(value: Any, model: type, path: str) -> Iterator[str]:  # noqa: ANN401 - what JSON may hold
    if not isinstance(value, dict):
        return  # a value or an expression
    value = _unrolled(value)
    fields = model({})._attr_to_rest_field  # noqa: SLF001 - the only place with the names in JSON
    attributes = {field._rest_name: name for name, field in fields.items()}  # noqa: SLF001 - the same
    for name, inner in value.items():
        here = f"{path}.{name}".lstrip(".")
        if name not in attributes:
            yield here
            continue
        annotation = _annotation(model, attributes[name])
        found = re.search(r"_models\.(\w+)", annotation)
        if not found:
            continue
        nested = getattr(models, found[1])
        entries: list[Any] = inner if isinstance(inner, list) else [inner]
        if "dict[" in annotation:
            entries = list(inner.values()) if isinstance(inner, dict) else []
        for entry in entries:
            yield from _unknown(entry, nested, here)


def _unrolled(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object of a template with a list of one entry in the place of each loop in its member `copy`."""
    loops = value.get("copy")
    if not isinstance(loops, list):
        return value
    return {name: inner for name, inner in value.items() if name != "copy"} | {
        loop["name"]: [loop["input"]] for loop in loops
    }


def _annotation(model: type, attribute: str) -> str:
    annotated = (inspect.get_annotations(base) for base in model.__mro__)
    return next(str(found[attribute]) for found in annotated if attribute in found)
