"""Deploys a prepared deployment: each resource by its own operation, with the caller's permissions."""

from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from sandbox.arm.call import Call
from sandbox.arm.deployments import preflight
from sandbox.arm.deployments.errors import ExpressionError, InvalidTemplateError, deployment_failed, still_active
from sandbox.arm.deployments.evaluation import evaluate
from sandbox.arm.deployments.lookups import TemplateLookups, json_of
from sandbox.arm.deployments.parameters import shown_type
from sandbox.arm.deployments.plan import PlannedResource
from sandbox.arm.deployments.prepared import Prepared, nested_body, outer_context, prepare
from sandbox.arm.deployments.record import DeployedResource, Deployment
from sandbox.arm.errors import ArmError

_CONTROL: Final = frozenset(
    {
        "apiversion",
        "comments",
        "condition",
        "copy",
        "dependson",
        "metadata",
        "name",
        "resourcegroup",
        "resources",
        "scope",
        "subscriptionid",
        "type",
    }
)


def execute(call: Call, prepared: Prepared) -> Deployment:
    """Deploy every resource, and return the deployment with its outcome.

    A resource waits for those that it needs. Of the others, the last one in the template comes first, because Azure
    deploys them in any order. If a resource fails, those that need it are left out.
    """
    deployment = prepared.deployment
    call.arm.deployments[deployment.id.lower()] = deployment
    done: set[str] = set()
    waiting = list(deployment.resources)
    details: list[dict[str, Any]] = []
    while ready := [r for r in waiting if all(n.id.lower() in done or not n.condition for n in r.needs)]:
        resource = ready[-1]
        waiting.remove(resource)
        outcome = _deploy(call, prepared, resource, done)
        deployment.deployed.append(outcome)
        if outcome.error is None:
            done.add(resource.id.lower())
        else:
            details.append(outcome.error)
    if not details:
        try:
            deployment.outputs = _outputs(call, prepared, done)
        except ExpressionError as error:
            details.append({"code": "DeploymentOutputEvaluationFailed", "message": str(error)})
    if details:
        deployment.state = "Failed"
        deployment.error = deployment_failed(details, deployment.id)
    return deployment


def body_of(resource: PlannedResource, properties: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON may hold
    """Return the body with which a resource is written."""
    known = {name.lower(): value for name, value in resource.early.items()}
    body = {
        name: known[name.lower()]
        for name in resource.raw
        if name.lower() not in _CONTROL and name.lower() != "properties"
    }
    return {**body, "properties": properties} if "properties" in resource.raw else body


def _deploy(call: Call, prepared: Prepared, resource: PlannedResource, done: set[str]) -> DeployedResource:
    lookups = TemplateLookups(call.perform, prepared.planned, done)
    try:
        if resource.is_nested:
            return _deploy_nested(call, resource, lookups)
        properties = evaluate(resource.raw.get("properties", {}), replace(resource.context, lookups=lookups))
    except ExpressionError as error:
        where = f"resource '{resource.id}' at line '1' and column '1'"
        message = f"Unable to process template language expressions for {where}. '{error}'"
        return _outcome(resource, 400, {"code": "InvalidTemplate", "message": message})
    response = call.perform("PUT", resource.id, resource.version, body_of(resource, properties))
    return _outcome(resource, response.status_code, _error(response))


def _deploy_nested(call: Call, resource: PlannedResource, lookups: TemplateLookups) -> DeployedResource:
    body = nested_body(resource, lookups)
    try:
        inner = prepare(call, resource.scope, resource.name, body, outer_context(resource, body["properties"]))
        preflight.check(call, inner)
    except InvalidTemplateError as error:
        return _outcome(resource, 400, error.error())
    except ArmError as error:
        return _outcome(resource, error.status, _of_arm(error.body))
    known = call.arm.deployments.get(inner.deployment.id.lower())
    if known is not None and known.is_active(call.now):
        return _outcome(resource, 409, still_active(known))
    deployed = execute(call, inner)
    return _outcome(resource, 400 if deployed.error else 200, deployed.error)


def _outcome(resource: PlannedResource, status: int, error: dict[str, Any] | None) -> DeployedResource:
    return DeployedResource(resource.id, resource.type, resource.name, status, error)


def _error(response: Response) -> dict[str, Any] | None:
    if response.status_code < 400:
        return None
    return _of_arm(json_of(response))


def _of_arm(body: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON may hold
    """Return an error from the body of Resource Manager or of App Service."""
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return dict(body["error"])
    if isinstance(body, dict) and "Code" in body:
        return {"code": body["Code"], "message": body["Message"]}
    return {"code": "ResourceDeploymentFailure", "message": str(body)}


def _outputs(call: Call, prepared: Prepared, done: set[str]) -> dict[str, Any]:
    lookups = TemplateLookups(call.perform, prepared.planned, done)
    context = replace(prepared.context, lookups=lookups)
    outputs: dict[str, Any] = {}
    for name, output in prepared.template.outputs.items():
        if evaluate(output.get("condition", True), context) is False:
            continue
        kind = shown_type(str(output.get("type", "")))
        shown = {} if kind.startswith("Secure") else {"value": evaluate(output.get("value"), context)}
        outputs[name] = {"type": kind, **shown}
    return outputs
