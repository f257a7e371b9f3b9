"""A deployment whose template is evaluated as far as it can be before it deploys."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from sandbox.arm.call import Call
from sandbox.arm.deployments.context import Context, Variables
from sandbox.arm.deployments.errors import ExpressionError, InvalidTemplateError
from sandbox.arm.deployments.evaluation import evaluate, variable
from sandbox.arm.deployments.lookups import TemplateLookups
from sandbox.arm.deployments.parameters import parameter_values
from sandbox.arm.deployments.plan import PlannedResource, plan
from sandbox.arm.deployments.record import Deployment
from sandbox.arm.deployments.scope import DeploymentScope
from sandbox.arm.deployments.template import Template, read_template
from sandbox.arm.deployments.values import Value
from sandbox.arm.errors import group_not_found

_USAGE: Final = "Please see https://aka.ms/arm-template-expressions for usage details."


@dataclass
class Prepared:
    """A deployment, its template and context, and the deployments inside it by lower-case ID."""

    deployment: Deployment
    template: Template
    context: Context
    planned: list[PlannedResource] = field(default_factory=list)  # includes those with a false condition
    properties: dict[str, Value] = field(default_factory=dict)  # of each resource, as far as known, by lower-case ID
    nested: dict[str, "Prepared"] = field(default_factory=dict)

    def everything(self) -> Iterator[tuple["Prepared", PlannedResource]]:
        """Yield every resource with the deployment that it is in. A nested deployment comes before its resources."""
        for resource in self.deployment.resources:
            yield self, resource
            if (inner := self.nested.get(resource.id.lower())) is not None:
                yield from inner.everything()


def prepare(
    call: Call, scope: DeploymentScope, name: str, body: Mapping[str, Any], outer: Context | None = None
) -> Prepared:
    """Return a deployment from the body of its call. `outer` is the context of a nested template of outer scope.

    Raises:
        InvalidTemplateError: The template or a parameter is not valid.
        ArmError: 404. The group does not exist.
    """
    properties = body.get("properties") or {}
    _check_properties(properties)
    if scope.group is not None and scope.group.lower() not in call.arm.groups:
        raise group_not_found(scope.group)
    raw = properties["template"]
    template = read_template(raw)
    mode = str(properties.get("mode") or "Incremental")
    deployment = Deployment(
        scope=scope,
        name=name,
        mode=mode,
        template=raw,
        correlation_id=str(uuid.uuid4()),
        started=call.now,
        ends=call.now + timedelta(seconds=call.azure.options.deployment_seconds),
        location=body.get("location"),
        declared=template.parameters,
    )
    context = _context(call, scope, deployment, properties)
    if outer is None:
        values = parameter_values(template.parameters, properties.get("parameters") or {}, context)
        context = replace(context, parameters=values, variables=Variables(template.variables))
        deployment.parameters = values
    else:
        context = replace(outer, target=scope)
    _check_variables(template, context)
    prepared = Prepared(deployment, template, context)
    prepared.planned = plan(template.resources, context)
    deployment.resources = [resource for resource in prepared.planned if resource.condition]
    for resource in deployment.resources:
        _prepare_resource(call, prepared, resource)
    _check_outputs(call, prepared)
    return prepared


def outer_context(resource: PlannedResource, properties: Mapping[str, Any]) -> Context | None:
    """Return the context for a nested template, or None if it has its own parameters and variables."""
    options = properties.get("expressionEvaluationOptions") or {}
    return None if str(options.get("scope", "outer")).lower() == "inner" else resource.context.without_lookups()


def nested_body(resource: PlannedResource, lookups: TemplateLookups) -> dict[str, Any]:
    """Return the body of a nested deployment. Its parameters are evaluated, and its template is not."""
    raw = resource.raw.get("properties") or {}
    context = replace(resource.context, lookups=lookups)
    shown = {
        name: evaluate(value, context) for name, value in raw.items() if name.lower() not in ("template", "parameters")
    }
    parameters = {name: evaluate(value, context) for name, value in (raw.get("parameters") or {}).items()}
    return {
        "location": resource.early.get("location"),
        "properties": {**shown, "parameters": parameters, "template": raw.get("template")},
    }


def _check_properties(properties: object) -> None:
    if not isinstance(properties, dict):
        raise InvalidTemplateError("A JSON object was expected. Path 'properties'.")
    if properties.get("templateLink") or properties.get("parametersLink"):
        raise InvalidTemplateError("The sandbox does not read a template or parameters from a link.")
    if str(properties.get("mode") or "Incremental").lower() != "incremental":
        raise InvalidTemplateError("The sandbox knows only the deployment mode 'Incremental'.")
    if not properties.get("template"):
        raise InvalidTemplateError("Either 'template' or 'templateLink' must be set.")


def _context(call: Call, scope: DeploymentScope, deployment: Deployment, properties: Mapping[str, Any]) -> Context:
    group = call.arm.groups.get(scope.group.lower()) if scope.group else None
    arm = call.arm
    shown: dict[str, Any] = {
        "name": deployment.name,
        "properties": {
            "template": deployment.template,
            "templateHash": "0",
            "parameters": properties.get("parameters") or {},
            "mode": deployment.mode,
            "provisioningState": "Accepted",
        },
    }
    if deployment.location:
        shown["location"] = deployment.location
    return Context(
        scope=scope,
        target=scope,
        now=call.now,
        cloud=call.cloud,
        deployment=shown,
        subscription={
            "id": f"/subscriptions/{arm.subscription_id}",
            "subscriptionId": arm.subscription_id,
            "tenantId": arm.tenant_id,
            "displayName": arm.subscription_name,
        },
        group={
            "id": group.id,
            "name": group.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": group.location,
            "tags": group.tags,
            "properties": {"provisioningState": "Succeeded"},
        }
        if group
        else None,
    )


def _check_variables(template: Template, context: Context) -> None:
    for name in template.variables:
        if name.lower() == "copy" and isinstance(template.variables[name], list):
            continue
        try:
            variable(name, context)
        except ExpressionError as error:
            raise InvalidTemplateError(
                f"The template variable '{name}' is not valid: {error}. {_USAGE}",
                f"properties.template.variables.{name}",
            ) from error


def _prepare_resource(call: Call, prepared: Prepared, resource: PlannedResource) -> None:
    """Evaluate a resource as far as possible. A reference by name makes it need the named resource."""
    lookups = TemplateLookups(call.perform, prepared.planned)
    try:
        if resource.is_nested:
            body = nested_body(resource, lookups)
            outer = outer_context(resource, body["properties"])
            prepared.nested[resource.id.lower()] = prepare(call, resource.scope, resource.name, body, outer)
        else:
            context = replace(resource.context, lookups=lookups)
            prepared.properties[resource.id.lower()] = evaluate(resource.raw.get("properties", {}), context)
    except ExpressionError as error:
        raise InvalidTemplateError(
            f"The template resource '{resource.name}' at line '1' and column '1' is not valid: {error}. {_USAGE}",
            resource.path,
        ) from error
    resource.needs += [one for one in lookups.referenced if one not in resource.needs and one is not resource]
    if any(one is resource for one in lookups.referenced):
        raise InvalidTemplateError(f"Circular dependency detected on resource: '{resource.id}'.", resource.path)


def _check_outputs(call: Call, prepared: Prepared) -> None:
    lookups = TemplateLookups(call.perform, prepared.planned)
    context = replace(prepared.context, lookups=lookups)
    for name, output in prepared.template.outputs.items():
        try:
            evaluate({k: v for k, v in output.items() if k in ("condition", "value")}, context)
        except ExpressionError as error:
            raise InvalidTemplateError(
                f"The template output '{name}' is not valid: {error}", f"properties.template.outputs.{name}"
            ) from error
