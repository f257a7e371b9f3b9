"""One deployment as Azure stores it, and the operations that it consists of."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.arm.deployments.parameters import shown_type
from sandbox.arm.deployments.plan import PlannedResource
from sandbox.arm.deployments.scope import DeploymentScope
from sandbox.arm.deployments.values import Value, plain
from sandbox.moment import moment


@dataclass(frozen=True)
class DeployedResource:
    """The outcome of one resource of a deployment."""

    resource_id: str
    type: str
    name: str
    status: int
    error: dict[str, Any] | None = None
    operation_id: str = field(default_factory=lambda: uuid.uuid4().hex.upper()[:16])

    def shown(self, deployment_id: str, time: datetime) -> dict[str, Any]:
        """Return the operation as the list of a deployment's operations shows it."""
        state = "Failed" if self.error else "Succeeded"
        message = {"statusMessage": {"status": "Failed", "error": self.error}} if self.error else {}
        return {
            "id": f"{deployment_id}/operations/{self.operation_id}",
            "operationId": self.operation_id,
            "properties": {
                "provisioningOperation": "Create",
                "provisioningState": state,
                "timestamp": moment(time),
                "duration": "PT1S",
                "trackingId": str(uuid.uuid4()),
                "statusCode": {200: "OK", 201: "Created", 400: "BadRequest", 403: "Forbidden"}.get(
                    self.status, str(self.status)
                ),
                **message,
                "targetResource": {"id": self.resource_id, "resourceType": self.type, "resourceName": self.name},
            },
        }


@dataclass
class Deployment:
    """A deployment. Its state is the outcome, since the sandbox deploys while it receives the call.

    Until `ends` it is shown without its outcome, and no other deployment of its name can begin.
    """

    scope: DeploymentScope
    name: str
    mode: str
    template: Mapping[str, Any]
    correlation_id: str
    started: datetime
    ends: datetime
    location: str | None = None
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # parameters
    parameters: Mapping[str, Value] = field(default_factory=dict)  # by lower-case name
    resources: list[PlannedResource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    deployed: list[DeployedResource] = field(default_factory=list)
    error: dict[str, Any] | None = None
    state: str = "Succeeded"

    @property
    def id(self) -> str:
        """The ID."""
        return f"{self.scope.id}/providers/Microsoft.Resources/deployments/{self.name}"

    def is_active(self, now: datetime) -> bool:
        """Return whether it still deploys."""
        return now < self.ends

    def shown_at(self, now: datetime) -> dict[str, Any]:
        """Return the deployment as Azure shows it at this time."""
        return self.shown("Running" if self.is_active(now) else None)

    def shown(self, state: str | None = None) -> dict[str, Any]:
        """Return the deployment as Azure shows it. With a `state`, the outcome is left out."""
        shown_state = state or self.state
        outcome: dict[str, Any] = {}
        if state is None and self.state == "Succeeded":
            outcome = {"outputs": self.outputs, "outputResources": [{"id": r.id} for r in self.resources]}
        if state is None and self.error is not None:
            outcome["error"] = self.error
        return {
            "id": self.id,
            "name": self.name,
            "type": "Microsoft.Resources/deployments",
            **({"location": self.location} if self.location else {}),
            "properties": {
                "templateHash": str(int(hashlib.sha256(json.dumps(self.template).encode()).hexdigest()[:15], 16)),
                "parameters": {
                    name: _shown_parameter(rule, self.parameters[name.lower()]) for name, rule in self.declared.items()
                },
                "mode": self.mode,
                "provisioningState": shown_state,
                "timestamp": moment(self.started),
                "duration": "PT1S" if state is None else "PT0S",
                "correlationId": self.correlation_id,
                "providers": _providers(self.resources),
                "dependencies": [_dependency(r) for r in self.resources if r.needs],
                **outcome,
            },
        }


def _shown_parameter(rule: Mapping[str, Any], value: Value) -> dict[str, Any]:
    """Return a parameter as a deployment shows it: without the value if it is secure."""
    kind = shown_type(str(rule["type"]))
    return {"type": kind} if kind.startswith("Secure") else {"type": kind, "value": plain(value)}


def _providers(resources: list[PlannedResource]) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    for resource in resources:
        namespace, _, kind = resource.type.partition("/")
        location = resource.early.get("location")
        kinds.setdefault(namespace, {})[kind] = {"resourceType": kind, "locations": [location]}
    return [{"namespace": namespace, "resourceTypes": [*types.values()]} for namespace, types in kinds.items()]


def _dependency(resource: PlannedResource) -> dict[str, Any]:
    return {"dependsOn": [_reference(needed) for needed in resource.needs], **_reference(resource)}


def _reference(resource: PlannedResource) -> dict[str, Any]:
    return {"id": resource.id, "resourceType": resource.type, "resourceName": resource.name}
