"""The admin of the sandbox's subscription: assigns and removes roles, as with the portal or `az`."""

from typing import Any
from uuid import uuid4

from sandbox import names
from tests.support.sandbox_client import Sandbox

ARM = "https://management.azure.com"
ROLES = "providers/Microsoft.Authorization"
ROLES_API = "2022-04-01"
VAULT_API = "2023-07-01"
SITES_API = "2025-05-01"
SUBSCRIPTION = f"/subscriptions/{names.SUBSCRIPTION_ID}"
GROUP = names.RESOURCE_GROUP_ID
WEB = f"{GROUP}/providers/Microsoft.Web"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{names.VAULT}"
OURS = names.BACKEND_PRINCIPAL_ID


class Admin:
    """The service account, Owner of the subscription, signed in by its refresh token."""

    def __init__(self, azure: Sandbox) -> None:
        secrets = {name: v[-1]["value"] for name, v in azure.state()["vaults"][names.VAULT]["secrets"].items()}
        self.web = azure.web()
        form = {
            "grant_type": "refresh_token",
            "client_id": secrets["ApplicationID"],
            "client_secret": secrets["ApplicationSecret"],
            "refresh_token": secrets["RefreshToken"],
            "scope": f"{ARM}/.default",
        }
        url = f"https://login.microsoftonline.com/{secrets['TenantID']}/oauth2/v2.0/token"
        token = self.web.post(url, data=form).json()["access_token"]
        self.web.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, version: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - what JSON may hold
        """Call Resource Manager. A refusal is a bug in the test."""
        answer = self.web.request(method, ARM + path, json=body, params={"api-version": version, **query})
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def take_roles(self, principal: str = OURS) -> None:
        """Remove every role from a principal."""
        assignments = self.call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
        for assignment in assignments:
            if assignment["properties"]["principalId"] == principal:
                self.call("DELETE", assignment["id"], ROLES_API)

    def give_role(self, role: str, scope: str, principal: str = OURS) -> None:
        """Assign the role of that name to a principal."""
        wanted = {"$filter": f"roleName eq '{role}'"}
        (found,) = self.call("GET", f"{scope}/{ROLES}/roleDefinitions", ROLES_API, **wanted)["value"]
        given = {"roleDefinitionId": found["id"], "principalId": principal, "principalType": "ServicePrincipal"}
        self.call("PUT", f"{scope}/{ROLES}/roleAssignments/{uuid4()}", ROLES_API, {"properties": given})

    def set_policy(self, *secrets: str, principal: str = OURS) -> None:
        """Grant a principal these permissions on the vault's secrets, and no others."""
        policy = {"tenantId": names.TENANT_ID, "objectId": principal, "permissions": {"secrets": secrets}}
        self.call("PUT", f"{VAULT}/accessPolicies/replace", VAULT_API, {"properties": {"accessPolicies": [policy]}})

    def let_roles_count(self) -> None:
        """Make the vault use roles instead of access policies."""
        self.call("PATCH", VAULT, VAULT_API, {"properties": {"enableRbacAuthorization": True}})

    def set_sign_in(self, **settings: object) -> None:
        """Set the App Service authentication of this API's own app."""
        at = f"{WEB}/sites/{names.BACKEND_SITE}/config/authsettingsV2"
        self.call("PUT", at, SITES_API, {"properties": settings})
