"""How the tests of Entra and Graph sign in as the SAM app."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import requests

from tests.support.sandbox_client import Sandbox

GRAPH = "https://graph.microsoft.com"
DEFAULT_SCOPE = f"{GRAPH}/.default"


@dataclass(frozen=True)
class Sam:
    """The SAM app, with its credentials from the vault of a newly reset sandbox."""

    sandbox: Sandbox
    app_id: str
    object_id: str
    secret: str
    tenant: str
    refresh_token: str
    direct: dict[str, str]  # refresh token by tenant

    def post(
        self, form: Mapping[str, str | None], tenant: str | None = None, version: str = "/v2.0"
    ) -> requests.Response:
        """Call the token endpoint. A field with the value None is omitted."""
        whole = {"client_id": self.app_id, "client_secret": self.secret, "scope": DEFAULT_SCOPE, **form}
        sent = {name: value for name, value in whole.items() if value is not None}
        url = f"https://login.microsoftonline.com/{tenant or self.tenant}/oauth2{version}/token"
        return self.sandbox.web().post(url, data=sent)

    def sign_in(self, **form: str | None) -> requests.Response:
        """Sign in as the app itself."""
        return self.post({"grant_type": "client_credentials", **form})

    def refresh(self, token: str, tenant: str | None = None, **form: str | None) -> requests.Response:
        """Redeem a refresh token."""
        return self.post({"grant_type": "refresh_token", "refresh_token": token, **form}, tenant)

    def graph(self, method: str, path: str, body: object = None, token: str | None = None) -> requests.Response:
        """Call Graph as the app."""
        token = token or self.sign_in().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return self.sandbox.web().request(method, GRAPH + path, json=body, headers=headers)

    def application(self) -> dict[str, Any]:
        """Return the app registration in the sandbox."""
        found: dict[str, Any] = self.sandbox.state()["applications"][self.app_id]
        return found


def sam(sandbox: Sandbox, **options: object) -> Sam:
    """Reset the sandbox and read the SAM app from its vault."""
    state = sandbox.reset(**options)
    secrets = {name: v[-1]["value"] for name, v in state["vaults"]["cippabc12"]["secrets"].items()}
    app_id = secrets.pop("ApplicationID")
    return Sam(
        sandbox=sandbox,
        app_id=app_id,
        object_id=state["applications"][app_id]["id"],
        secret=secrets.pop("ApplicationSecret"),
        tenant=secrets.pop("TenantID"),
        refresh_token=secrets.pop("RefreshToken"),
        direct=secrets,
    )


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, without validating the token."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
