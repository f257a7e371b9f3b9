"""This app as deploy/azuredeploy.json installs it in the sandbox, with its own identity and settings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sandbox.arm.deployments.template_text import read_text
from tests.support.api import QUICK, Api
from tests.support.sandbox.deployments import OWN_GROUP, Deployments
from tests.support.sandbox_client import Sandbox

TEMPLATE: Final = Path(__file__).parents[3] / "deploy" / "azuredeploy.json"
APP: Final = "cippabc12-watch"
FUNCTIONS: Final[dict[str, Any]] = {
    "appName": APP,
    "cippResourceGroup": "cipp",
    "cippShape": "functions",
    "cippApp": "cippabc12",
    "cippOffloadApps": ["cippabc12-proc"],
    "cippStaticWebApp": "cipp-swa-abc12",
    "cippStorage": "cippstgabc12",
    "alertEmail": "alerts@contosomsp.com",
}
CONTAINER: Final[dict[str, Any]] = {
    **{name: value for name, value in FUNCTIONS.items() if name not in ("cippOffloadApps", "cippStaticWebApp")},
    "cippShape": "container",
}


def whole_template() -> Any:  # noqa: ANN401 - what JSON may hold
    """Return the template."""
    return read_text(TEMPLATE.read_bytes())


@dataclass
class InstalledApp:
    """The app in the sandbox. `principal` is its identity."""

    azure: Sandbox
    deployments: Deployments
    parameters: dict[str, Any]
    principal: str = ""

    def deploy(self, **parameters: object) -> None:
        """Deploy the template, which must succeed."""
        self.parameters = {**self.parameters, **parameters}
        self.principal = self.deployments.outputs(whole_template(), **self.parameters)["principalId"]

    def api(self, monkeypatch: pytest.MonkeyPatch) -> Api:
        """Return the app, with the settings that the template wrote and the variables that the platform sets.

        App Service authentication is off here, as on a development machine, so that tests can call the app.
        """
        settings = self.azure.state()["sites"][APP]["appSettings"]
        secret = self.azure.env["IDENTITY_HEADER"]
        for name in [name for name in os.environ if name.startswith(("CIPP_", "AzureWebJobsStorage", "WEBSITE_"))]:
            monkeypatch.delenv(name)
        platform = {
            "WEBSITE_SITE_NAME": APP,
            "WEBSITE_RESOURCE_GROUP": OWN_GROUP.rpartition("/")[2],
            "WEBSITE_OWNER_NAME": f"{OWN_GROUP.split('/')[2]}+cipp-backend-westeurope",
            "IDENTITY_HEADER": f"{secret}.{APP}",
        }
        for name, value in {**settings, **platform, **QUICK}.items():
            monkeypatch.setenv(name, value)
        return Api()


def installed(azure: Sandbox, parameters: dict[str, Any], **changes: object) -> InstalledApp:
    """Return the app in a resource group of its own, deployed with these parameters."""
    deployments = Deployments(azure, group=OWN_GROUP)
    deployments.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})
    app = InstalledApp(azure, deployments, {**parameters})
    app.deploy(**changes)
    return app
