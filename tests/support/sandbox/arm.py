"""How the tests of Resource Manager call it: directly, and with Microsoft's own clients."""

from dataclasses import dataclass, field
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.web import WebSiteManagementClient

from sandbox import names
from tests.support.sandbox_client import Sandbox

SUBSCRIPTION = f"/subscriptions/{names.SUBSCRIPTION_ID}"
GROUP = names.RESOURCE_GROUP_ID
WEB = f"{GROUP}/providers/Microsoft.Web"
SITE = f"{WEB}/sites/{names.MAIN_SITE}"
STATIC_SITE = f"{WEB}/staticSites/{names.STATIC_SITE}"
VERSION = "2025-05-01"
PUBLIC = "management.azure.com"
OUR_OWN = "that of the managed identity"


@dataclass
class Arm:
    """Resource Manager of a newly reset sandbox, called as this API's managed identity."""

    sandbox: Sandbox
    web: requests.Session = field(init=False)

    def __post_init__(self) -> None:
        self.web = self.sandbox.web()

    def token(self, host: str = PUBLIC) -> str:
        path = f"/msi/token?api-version=2019-08-01&resource=https://{host}"
        headers = {"X-IDENTITY-HEADER": self.sandbox.env["IDENTITY_HEADER"]}
        answer = self.sandbox.fetch("GET", path, None, **headers)
        token: str = answer["access_token"]
        return token

    def call(  # noqa: PLR0913 - each is one part of a call
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str | None = VERSION,
        host: str = PUBLIC,
        token: str | None = OUR_OWN,
        **query: str,
    ) -> requests.Response:
        """Call ARM. None as `version` or `token` omits it."""
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {self.token(host) if token == OUR_OWN else token}"
        whole = query if version is None else {**query, "api-version": version}
        return self.web.request(method, f"https://{host}{path}", params=whole, json=body, headers=headers)

    def get(self, path: str, **more: Any) -> Any:  # noqa: ANN401 - what JSON may hold
        """Return JSON that must exist."""
        answer = self.call("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def web_client(self) -> Any:  # noqa: ANN401 - every field of its models is optional
        return WebSiteManagementClient(self._credential(), names.SUBSCRIPTION_ID, **self._aimed())

    def resource_client(self) -> Any:  # noqa: ANN401 - every field of its models is optional
        return ResourceManagementClient(self._credential(), names.SUBSCRIPTION_ID, **self._aimed())

    def _credential(self) -> "Credential":
        return Credential(self)

    def _aimed(self) -> dict[str, Any]:
        bundle = self.sandbox.env["SSL_CERT_FILE"]
        transport = RequestsTransport(session=self.web, session_owner=False, connection_verify=bundle)
        return {"transport": transport, "retry_total": 0}


@dataclass
class Credential:
    """The managed identity, in the form that the clients accept."""

    arm: Arm

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self.arm.token(), 4_102_444_800)
