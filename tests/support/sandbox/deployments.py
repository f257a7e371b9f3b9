"""Deployments of templates to the sandbox, by its Owner or by another caller."""

from typing import Any

import requests

from sandbox import names
from tests.support.admin import ARM, SUBSCRIPTION, Admin
from tests.support.sandbox_client import Sandbox

VERSION = "2025-04-01"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
OWN_GROUP = f"{SUBSCRIPTION}/resourceGroups/cipp-backend"
Json = Any  # what JSON may hold


def template(*resources: Json, **parts: Json) -> dict[str, Json]:
    """Return a template with these resources and other parts, such as `parameters`."""
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **parts, "resources": list(resources)}


class Deployments:
    """Deploys templates as the Owner of the subscription, or with another access token."""

    def __init__(self, sandbox: Sandbox, *, token: str = "", group: str = names.RESOURCE_GROUP_ID) -> None:
        self.sandbox = sandbox
        self.admin = Admin(sandbox)
        self.group = group
        self.web = sandbox.web()
        self.web.headers["Authorization"] = f"Bearer {token}" if token else self.admin.web.headers["Authorization"]

    def send(
        self, method: str, name: str, body: Json = None, *, after: str = "", version: str = VERSION
    ) -> requests.Response:
        """Make one call for the deployment `name`. A text is sent as it is."""
        url = f"{ARM}{self.group}/providers/Microsoft.Resources/deployments/{name}{after}?api-version={version}"
        if isinstance(body, str):
            return self.web.request(method, url, data=body, headers={"Content-Type": "application/json"})
        return self.web.request(method, url, json=body)

    def validate(self, whole: Json, name: str = "test", /, **parameters: Json) -> requests.Response:
        """Validate a template."""
        return self.send("POST", name, body_of(whole, parameters), after="/validate")

    def put(self, whole: Json, name: str = "test", /, **parameters: Json) -> requests.Response:
        """Deploy a template, and return the first response."""
        return self.send("PUT", name, body_of(whole, parameters))

    def deploy(self, whole: Json, name: str = "test", /, **parameters: Json) -> Json:
        """Deploy a template, and return the properties of the finished deployment."""
        accepted = self.put(whole, name, **parameters)
        assert accepted.ok, accepted.text
        return self.send("GET", name).json()["properties"]

    def outputs(self, whole: Json, name: str = "test", /, **parameters: Json) -> dict[str, Json]:
        """Deploy a template that must succeed, and return the values of its outputs."""
        ended = self.deploy(whole, name, **parameters)
        assert ended["provisioningState"] == "Succeeded", ended["error"]
        return {output: shown["value"] for output, shown in ended["outputs"].items()}

    def what_if(self, whole: Json, name: str = "test", /, **parameters: Json) -> dict[str, list[str]]:
        """Return the names of the resources by the kind of their change."""
        kinds: dict[str, list[str]] = {}
        for change in self.changes(whole, name, **parameters):
            kinds.setdefault(change["changeType"], []).append(change["resourceId"].rpartition("/providers/")[2])
        return kinds

    def changes(self, whole: Json, name: str = "test", /, **parameters: Json) -> list[dict[str, Json]]:
        """Return what a deployment would change."""
        first = self.send("POST", name, body_of(whole, parameters), after="/whatIf")
        assert first.status_code == 202, first.text
        found: list[dict[str, Json]] = self.web.get(first.headers["Location"]).json()["properties"]["changes"]
        return found


def body_of(whole: Json, parameters: dict[str, Json]) -> Json:
    """Return the body of a call, with the values of parameters."""
    given = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": "Incremental", "template": whole, "parameters": given}}


def refusal(response: requests.Response) -> tuple[int, str, str]:
    """Return the status, the code and the message of a refusal."""
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]
