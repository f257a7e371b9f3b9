"""An app's settings in Azure, as other clients read and change them."""

from typing import Any

from sandbox import names
from tests.support.api import Answer, Api
from tests.support.sandbox.arm import WEB, Arm
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
READ = "/config/appsettings/list$"
WRITE = "/config/appsettings$"


def held(azure: Sandbox, site: str = names.MAIN_SITE) -> dict[str, str]:
    """Return the settings in Azure."""
    found: dict[str, str] = azure.state()["sites"][site]["appSettings"]
    return found


def put(azure: Sandbox, settings: dict[str, str], site: str = names.MAIN_SITE) -> None:
    """Replace an app's settings as another client."""
    assert Arm(azure).call("PUT", f"{WEB}/sites/{site}/config/appsettings", {"properties": settings}).ok


def change(api: Api, **body: object) -> Answer:
    return api.post("ExecFunctionAppSettings", body)


def writes(azure: Sandbox) -> list[dict[str, Any]]:
    return [call for call in azure.calls(ARM) if call["method"] == "PUT" and call["path"].endswith("appsettings")]
