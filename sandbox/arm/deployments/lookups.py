"""What `reference()` and the list functions read: existing resources, with the caller's permissions."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from sandbox.arm.call import Performer
from sandbox.arm.deployments.errors import ExpressionError, unknown_reference, unknown_resource
from sandbox.arm.deployments.plan import PlannedResource, named
from sandbox.arm.deployments.values import Unresolved, Value


def json_of(response: Response) -> Any:  # noqa: ANN401 - what JSON may hold
    """Return the JSON of a response, or None without a body."""
    return json.loads(bytes(response.body)) if response.body else None


@dataclass
class TemplateLookups:
    """Lookups for one resource of a template, or for the outputs.

    Before the deployment, `deployed` is None: what the template deploys is read only if it exists already. During the
    deployment, a resource of the template must be deployed before it is read.
    """

    perform: Performer
    planned: list[PlannedResource]
    deployed: set[str] | None = None  # IDs
    referenced: list[PlannedResource] = field(default_factory=list)  # by name or without a version

    @property
    def is_early(self) -> bool:
        """Whether it is before the deployment, which may change what is read."""
        return self.deployed is None

    def reference(self, name: str, version: str | None, *, full: bool, text: str) -> Value:
        """Return the properties of a resource, or the whole of it."""
        target, known = self._target(name, version)
        if known is not None and self._is_too_early(known):
            raise ExpressionError(f"The resource '{known.id}' is referenced before it is deployed. Add a dependsOn.")
        response = self.perform("GET", target, version or (known.version if known else ""), None)
        if response.status_code != 200:
            return self._missing(target, response, text)
        whole = json_of(response)
        return whole if full else whole.get("properties", {})

    def listed(self, function: str, name: str, version: str, body: Value, text: str) -> Value:
        """Return what a list action of a resource returns, such as `listKeys`."""
        target, known = self._target(name, version)
        if known is not None and self._is_too_early(known):
            raise ExpressionError(f"The resource '{known.id}' is listed before it is deployed. Add a dependsOn.")
        response = self.perform("POST", f"{target}/{function}", version, body)
        return self._missing(target, response, text) if response.status_code != 200 else json_of(response)

    def _target(self, name: str, version: str | None) -> tuple[str, PlannedResource | None]:
        matching = named(name, self.planned)
        known = matching[0] if matching else None
        if known is not None and version is None and known not in self.referenced:
            self.referenced.append(known)
        if known is None and not name.startswith("/"):
            raise unknown_reference(name)
        if known is None and version is None:
            raise unknown_resource(name.rpartition("/providers/")[2])
        return known.id if known else name, known

    def _is_too_early(self, known: PlannedResource) -> bool:
        return self.deployed is not None and known.id.lower() not in self.deployed

    def _missing(self, target: str, response: Response, text: str) -> Value:
        if self.is_early:
            return Unresolved(text)
        error = (json_of(response) or {}).get("error", {})
        raise ExpressionError(error.get("message") or f"Couldn't read '{target}': {response.status_code}.")
