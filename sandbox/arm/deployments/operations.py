"""The calls for deployments: validate, what-if, deploy, show, list, and list what a deployment did."""

import re
import uuid
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.deployments import preflight
from sandbox.arm.deployments.errors import InvalidTemplateError, refused_template, still_active
from sandbox.arm.deployments.execution import execute
from sandbox.arm.deployments.prepared import Prepared, prepare
from sandbox.arm.deployments.record import Deployment
from sandbox.arm.deployments.scope import DeploymentScope
from sandbox.arm.deployments.template_text import read_text
from sandbox.arm.deployments.what_if import changes
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation

_DEPLOYMENTS: Final = "providers/Microsoft.Resources/deployments"
_NAME: Final = re.compile(r"[-\w._()]{1,64}")
_PAUSE: Final = {"Retry-After": "1"}  # seconds between two looks at a running operation


def _scope(call: Call) -> DeploymentScope:
    group = call.group().name if "group" in call.params else None
    return DeploymentScope(call.arm.subscription_id, group)


def _prepared(call: Call) -> Prepared:
    """Return the deployment in the body, checked.

    Raises:
        ArmError: It is refused.
    """
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise refused(400, "InvalidDeploymentName", f"The deployment name '{name}' is not valid.")
    body = read_text(call.raw_body)
    scope = _scope(call)
    if scope.group is None and not body.get("location"):
        message = "The 'location' property is required for this deployment."
        raise refused(400, "LocationRequired", message)
    try:
        prepared = prepare(call, scope, name, body)
    except InvalidTemplateError as error:
        raise refused_template(error.error()) from error
    preflight.check(call, prepared)
    return prepared


def _validate(call: Call) -> Response:
    prepared = _prepared(call)
    shown = prepared.deployment.shown()
    deployed = [one for _, one in prepared.everything() if one.identified and not one.is_nested]
    shown["properties"]["validatedResources"] = [{"id": resource.id} for resource in deployed]
    shown["properties"].pop("outputs", None)
    shown["properties"].pop("outputResources", None)
    return JSONResponse(shown)


def _what_if(call: Call) -> Response:
    """Find out what a deployment would change. The result is at another address, as after a long operation."""
    prepared = _prepared(call)
    result = {
        "status": "Succeeded",
        "properties": {
            "correlationId": prepared.deployment.correlation_id,
            "changes": changes(call, prepared),
            "diagnostics": [],
        },
    }
    key = uuid.uuid4().hex
    call.arm.what_ifs[key] = result
    home = f"https://{call.cloud.arm}/subscriptions/{call.arm.subscription_id}"
    location = f"{home}/operationresults/{key}?api-version=2025-04-01"
    return Response(status_code=202, headers={**_PAUSE, "Location": location})


def _what_if_result(call: Call) -> Response:
    result = call.arm.what_ifs.get(call.params["key"])
    if result is None:
        raise refused(404, "NotFound", f"The operation '{call.params['key']}' was not found.")
    return JSONResponse(result)


def _put(call: Call) -> Response:
    """Deploy. The response shows the deployment as accepted, and the next ones show its outcome."""
    prepared = _prepared(call)
    known = call.arm.deployments.get(prepared.deployment.id.lower())
    if known is not None and known.is_active(call.now):
        raise refused_template(still_active(known), 409)
    deployment = execute(call, prepared)
    url = f"https://{call.cloud.arm}{deployment.id}/operationStatuses/{uuid.uuid4().hex}?api-version=2025-04-01"
    return JSONResponse(deployment.shown("Accepted"), 200 if known else 201, {**_PAUSE, "Azure-AsyncOperation": url})


def _find(call: Call) -> Deployment:
    scope, name = _scope(call), call.params["name"]
    wanted = f"{scope.id}/{_DEPLOYMENTS}/{name}".lower()
    deployment = call.arm.deployments.get(wanted)
    if deployment is None:
        raise refused(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
    return deployment


def _get(call: Call) -> Response:
    return JSONResponse(_find(call).shown_at(call.now))


def _status(call: Call) -> Response:
    deployment = _find(call)
    if deployment.is_active(call.now):
        return JSONResponse({"status": "Running"}, headers=_PAUSE)
    error: dict[str, Any] = {"error": deployment.error} if deployment.error else {}
    return JSONResponse({"status": deployment.state, **error})


def _list(call: Call) -> Response:
    scope = _scope(call)
    found = [deployment for deployment in call.arm.deployments.values() if deployment.scope == scope]
    return JSONResponse({"value": [deployment.shown_at(call.now) for deployment in found]})


def _operations(call: Call) -> Response:
    deployment = _find(call)
    return JSONResponse({"value": [one.shown(deployment.id, deployment.started) for one in deployment.deployed]})


def _at(scope: str) -> tuple[Operation, ...]:
    one = f"{scope}/{_DEPLOYMENTS}/{{name}}"
    return (
        Operation("POST", f"{one}/validate", _validate),
        Operation("POST", f"{one}/whatIf", _what_if),
        Operation("PUT", one, _put),
        Operation("GET", one, _get),
        Operation("GET", f"{one}/operationStatuses/{{operation}}", _status),
        Operation("GET", f"{one}/operations", _operations),
        Operation("GET", f"{scope}/deployments/{{name}}/operations", _operations),  # as Azure's specification has it
        Operation("GET", f"{scope}/{_DEPLOYMENTS}", _list),
    )


OPERATIONS: Final = (
    *_at(GROUP),
    *_at(SUBSCRIPTION),
    Operation("GET", f"{SUBSCRIPTION}/operationresults/{{key}}", _what_if_result, listing=True),
)
