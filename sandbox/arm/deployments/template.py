"""A template: whether its structure is valid, and its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.arm.deployments.errors import InvalidTemplateError

_MEMBERS: Final = {
    "$schema",
    "contentVersion",
    "apiProfile",
    "definitions",
    "functions",
    "languageVersion",
    "metadata",
    "outputs",
    "parameters",
    "resources",
    "variables",
}
_OF_A_RESOURCE: Final = {
    "apiVersion",
    "comments",
    "condition",
    "copy",
    "dependsOn",
    "extendedLocation",
    "identity",
    "kind",
    "location",
    "managedBy",
    "metadata",
    "name",
    "plan",
    "properties",
    "resourceGroup",
    "resources",
    "scope",
    "sku",
    "subscriptionId",
    "tags",
    "type",
    "zones",
}
_OF_A_PARAMETER: Final = {
    "type",
    "defaultValue",
    "allowedValues",
    "minLength",
    "maxLength",
    "minValue",
    "maxValue",
    "metadata",
    "nullable",
}
_MOST: Final = {"parameters": 256, "variables": 512, "outputs": 64, "resources": 800}


@dataclass(frozen=True)
class Template:
    """The parts of a template, as written."""

    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    resources: tuple[Mapping[str, Any], ...] = ()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_template(raw: object) -> Template:
    """Return the parts of a template.

    Raises:
        InvalidTemplateError: Its structure is not valid, or the sandbox does not implement a part of it.
    """
    if not isinstance(raw, dict):
        raise InvalidTemplateError("Template property 'template' is not valid: a JSON object was expected.")
    for required in ("$schema", "contentVersion", "resources"):
        if not raw.get(required) and raw.get(required) != []:
            raise InvalidTemplateError(f"Required property '{required}' not found in JSON. Path 'properties.template'.")
    _check_members(raw, _MEMBERS, "Template", "properties.template")
    if raw.get("languageVersion") or raw.get("definitions") or raw.get("functions"):
        raise InvalidTemplateError("The sandbox does not know languageVersion, definitions and functions.")
    if not isinstance(raw["resources"], list):
        raise InvalidTemplateError("The template's 'resources' must be an array.", "properties.template.resources")
    for name, most in _MOST.items():
        if len(raw.get(name) or ()) > most:
            raise InvalidTemplateError(f"The number of template {name} limit exceeded. Limit: '{most}'.")
    for name, rule in (raw.get("parameters") or {}).items():
        _check_members(rule, _OF_A_PARAMETER, "TemplateInputParameter", f"properties.template.parameters.{name}")
    for index, resource in enumerate(raw["resources"]):
        _check_resource(resource, f"properties.template.resources[{index}]")
    return Template(
        parameters=raw.get("parameters") or {},
        variables=raw.get("variables") or {},
        resources=tuple(raw["resources"]),
        outputs=raw.get("outputs") or {},
    )


def _check_resource(resource: object, path: str) -> None:
    _check_members(resource, _OF_A_RESOURCE, "TemplateResource", path)
    assert isinstance(resource, dict)  # noqa: S101 - for the type checker
    for required in ("type", "name", "apiVersion"):
        if not resource.get(required):
            raise InvalidTemplateError(f"Required property '{required}' not found in JSON. Path '{path}'.", path)
    for index, child in enumerate(resource.get("resources") or ()):
        _check_resource(child, f"{path}.resources[{index}]")


def _check_members(value: object, known: set[str], kind: str, path: str) -> None:
    """Refuse an object with a member that Azure does not know, such as a misspelled `dependson`."""
    if not isinstance(value, dict):
        raise InvalidTemplateError(f"A JSON object was expected. Path '{path}'.", path)
    lower = {name.lower() for name in known}
    for name in value:
        if name.lower() not in lower:
            raise InvalidTemplateError(
                f"Could not find member '{name}' on object of type '{kind}'. Path '{path}'.", path
            )
