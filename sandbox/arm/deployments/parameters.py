"""The parameters of a template: their values, or why they are refused."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.arm.deployments.context import Context
from sandbox.arm.deployments.errors import PARAMETERS, ExpressionError, InvalidTemplateError
from sandbox.arm.deployments.evaluation import evaluate
from sandbox.arm.deployments.values import Unresolved, Value, type_of

_EXPECTED: Final = {
    "string": "String, Uri",
    "securestring": "String, Uri",
    "int": "Integer",
    "bool": "Boolean",
    "object": "Object",
    "secureobject": "Object",
    "array": "Array",
}
_SHOWN: Final = {"securestring": "SecureString", "secureobject": "SecureObject"}


def shown_type(declared: str) -> str:
    """Return a type as the response of a deployment shows it."""
    return _SHOWN.get(declared.lower(), declared.capitalize())


def parameter_values(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any], context: Context
) -> dict[str, Value]:
    """Return the value of each parameter by its lower-case name.

    Raises:
        InvalidTemplateError: A parameter is unknown or missing, or its value is not valid.
    """
    names = {name.lower(): name for name in declared}
    if unknown := [name for name in given if name.lower() not in names]:
        raise InvalidTemplateError(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; they are not "
            "present in the original template and can therefore not be provided at deployment time. The only "
            f"supported parameters for this template are '{', '.join(declared)}'. {PARAMETERS}"
        )
    sent = {name.lower(): value for name, value in given.items()}
    values: dict[str, Value] = {}
    for lower, name in names.items():
        rule = declared[name]
        path = f"properties.template.parameters.{name}"
        value = _value(name, rule, sent.get(lower), _default_context(context, values), path)
        _check(name, rule, value, path)
        values[lower] = value
    return values


def _default_context(context: Context, values: dict[str, Value]) -> Context:
    return Context(
        scope=context.scope,
        target=context.target,
        now=context.now,
        cloud=context.cloud,
        deployment=context.deployment,
        subscription=context.subscription,
        group=context.group,
        parameters=values,
        is_default=True,
    )


def _value(name: str, rule: Mapping[str, Any], sent: object, context: Context, path: str) -> Value:
    if sent is not None:
        if isinstance(sent, dict) and "reference" in sent:
            raise InvalidTemplateError(f"The sandbox does not read the parameter '{name}' from a key vault.", path)
        if not isinstance(sent, dict) or "value" not in sent:
            raise InvalidTemplateError(
                f"The value for the template parameter '{name}' at line '1' and column '1' is not provided. "
                f"{PARAMETERS}",
                path,
            )
        if sent["value"] is not None or rule.get("nullable"):
            return sent["value"]
    if "defaultValue" in rule:
        try:
            return evaluate(rule["defaultValue"], context)
        except ExpressionError as error:
            raise InvalidTemplateError(f"The template parameter '{name}' is not valid: {error}", path) from error
    if rule.get("nullable"):
        return None
    raise InvalidTemplateError(
        f"The value for the template parameter '{name}' at line '1' and column '1' is not provided. {PARAMETERS}", path
    )


def _check(name: str, rule: Mapping[str, Any], value: Value, path: str) -> None:
    declared = str(rule.get("type", ""))
    expected = _EXPECTED.get(declared.lower())
    if expected is None:
        raise InvalidTemplateError(
            f"The template parameter '{name}' has the type '{declared}', which is not valid. {PARAMETERS}", path
        )
    if isinstance(value, Unresolved) or (value is None and rule.get("nullable")):
        return
    if type_of(value) not in expected:
        raise InvalidTemplateError(
            f"The provided value for the template parameter '{name}' is not valid. Expected a value of type "
            f"'{expected}', but received a value of type '{type_of(value)}'. {PARAMETERS}",
            path,
        )
    allowed = rule.get("allowedValues")
    if allowed is not None and not _is_allowed(value, allowed):
        listed = ",".join(map(str, allowed))
        raise InvalidTemplateError(
            f"The provided value '{value}' for the template parameter '{name}' at line '1' and column '1' is not "
            f"valid. The parameter value is not part of the allowed value(s): '{listed}'.",
            path,
        )
    _check_limits(name, rule, value, path)


def _is_allowed(value: Value, allowed: list[Value]) -> bool:
    if isinstance(value, list):
        return all(item in allowed for item in value)
    return any(value == one and type_of(value) == type_of(one) for one in allowed)


def _check_limits(name: str, rule: Mapping[str, Any], value: Value, path: str) -> None:
    size = len(value) if isinstance(value, str | list) else value
    what = "Length of the value" if isinstance(value, str | list) else "The value"
    for least, most in (("minLength", "maxLength"), ("minValue", "maxValue")):
        if least in rule and size < rule[least]:
            _out_of_range(name, f"{what} should be greater than or equal to '{rule[least]}'", path)
        if most in rule and size > rule[most]:
            _out_of_range(name, f"{what} should be less than or equal to '{rule[most]}'", path)


def _out_of_range(name: str, why: str, path: str) -> None:
    raise InvalidTemplateError(
        f"The provided value for the template parameter '{name}' is not valid. {why}. {PARAMETERS}", path
    )
