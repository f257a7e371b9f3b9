"""Vaults and secrets that the seed does not have: with roles, with purge protection, behind a certificate."""

import asyncio
import uuid
from dataclasses import dataclass

import httpx
import pytest

from sandbox import names
from sandbox.azure import Azure
from sandbox.key_vault.app import app
from sandbox.key_vault.secret import SecretVersion
from sandbox.key_vault.state import Vault
from sandbox.options import Options
from sandbox.seed import seed
from sandbox.tokens import TokenIssuer

PRINCIPAL = names.BACKEND_PRINCIPAL_ID
TENANT = names.TENANT_ID


@dataclass(frozen=True)
class Small:
    """One Azure in this process, called without a network."""

    azure: Azure

    @property
    def vault(self) -> Vault:
        return self.azure.vaults[names.VAULT]

    def call(
        self, method: str, path: str, body: object = None, *, version: str = "2026-04-01"
    ) -> tuple[int, dict[str, object]]:
        answer = self.send(method, f"{path}?api-version={version}", body, self.signed())
        return answer.status_code, answer.json() if answer.content else {}

    def send(self, method: str, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app(self.azure))
            async with httpx.AsyncClient(transport=transport, base_url="https://cippabc12.vault.azure.net") as web:
                return await web.request(method, path, json=body, headers=headers)

        return asyncio.run(call())

    def signed(self, lifetime_seconds: int = 60, tenant: str = TENANT) -> dict[str, str]:
        claims = {"oid": PRINCIPAL, "appid": "an-app", "tid": tenant, "iss": f"https://sts.windows.net/{tenant}/"}
        token = self.azure.tokens.issue(claims, "https://vault.azure.net", lifetime_seconds)
        return {"Authorization": f"Bearer {token}"}

    def store_certificate(self) -> list[str]:
        """Store two versions of a secret that belongs to a certificate."""
        versions = [uuid.uuid4().hex for _ in range(2)]
        for version in versions:
            now = self.vault.now()
            self.vault.add("cert", SecretVersion(version=version, value="pfx", created=now, updated=now), managed=True)
        return versions


@pytest.fixture
def small() -> Small:
    return Small(seed(Options(), TokenIssuer()))


@pytest.mark.parametrize(
    ("method", "path", "action", "resource"),
    [
        ("GET", "/secrets", "secrets/readMetadata/action", ""),
        ("GET", "/secrets/TenantID", "secrets/getSecret/action", "/secrets/tenantid"),
        ("PUT", "/secrets/x", "secrets/setSecret/action", "/secrets/x"),
        ("DELETE", "/secrets/x", "secrets/delete", "/secrets/x"),
    ],
)
def test_refusal_of_a_vault_with_roles_names_the_missing_action(
    small: Small, method: str, path: str, action: str, resource: str
) -> None:
    small.vault.rbac = True
    small.vault.permissions.clear()
    status, body = small.call(method, path, None if method != "PUT" else {"value": "v"})
    assert status == 403
    vault_id = (
        f"/subscriptions/{names.SUBSCRIPTION_ID}/resourcegroups/cipp/providers/microsoft.keyvault/vaults/cippabc12"
    )
    assert body == {
        "error": {
            "code": "Forbidden",
            "message": "Caller is not authorized to perform action on resource.\r\n"
            "If role assignments, deny assignments or role definitions were changed recently, "
            "please observe propagation time.\r\n"
            f"Caller: appid=an-app;oid={PRINCIPAL};iss=https://sts.windows.net/{TENANT}/\r\n"
            f"Action: 'Microsoft.KeyVault/vaults/{action}'\r\n"
            f"Resource: '{vault_id}{resource}'\r\n"
            "Assignment: (not found)\r\nDenyAssignmentId: null\r\n"
            "DecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: cippabc12;location=westeurope\r\n",
            "innererror": {"code": "ForbiddenByRbac"},
        }
    }


def test_each_permission_allows_its_own_operations(small: Small) -> None:
    small.vault.permissions[PRINCIPAL] = frozenset({"get"})
    assert small.call("GET", "/secrets/TenantID")[0] == 200
    assert small.call("GET", "/secrets")[0] == 403
    assert small.call("PATCH", "/secrets/TenantID/", {})[0] == 403
    small.vault.permissions[PRINCIPAL] = frozenset({"list", "set"})
    assert small.call("GET", "/secrets/TenantID")[0] == 403
    assert small.call("GET", "/secrets/TenantID/versions")[0] == 200
    assert small.call("PATCH", "/secrets/TenantID/", {})[0] == 200


def test_secret_of_a_certificate_cannot_be_changed(small: Small) -> None:
    first, second = small.store_certificate()
    for method, path, operation in (
        ("PUT", "/secrets/CERT", "set"),
        ("PATCH", "/secrets/cert/", "update"),
        ("DELETE", "/secrets/cert", "delete"),
    ):
        status, body = small.call(method, path, {"value": "v"})
        assert status == 403
        assert isinstance(body["error"], dict)
        assert body["error"]["innererror"] == {"code": "SecretManagedByKeyVault"}
        assert body["error"]["message"].startswith(f'Operation "{operation}" is not allowed on this secret, since ')
    status, body = small.call("GET", "/secrets/cert")
    assert (status, body["managed"], body["previousVersion"]) == (200, True, first)
    assert body["kid"] == f"https://cippabc12.vault.azure.net/keys/cert/{second}"
    assert "previousVersion" not in small.call("GET", "/secrets/cert", version="7.6")[1]
    assert "previousVersion" not in small.call("GET", f"/secrets/cert/{first}")[1]


def test_purge_is_refused_when_the_vault_has_purge_protection(small: Small) -> None:
    small.vault.purge_protection = True
    small.vault.retention_days = 7
    small.call("PUT", "/secrets/x", {"value": "v"})
    deleted = small.call("DELETE", "/secrets/x")[1]
    assert deleted["attributes"] | {"created": 0, "updated": 0} == {  # type: ignore[operator]
        "enabled": True,
        "created": 0,
        "updated": 0,
        "recoveryLevel": "CustomizedRecoverable",
        "recoverableDays": 7,
    }
    status, body = small.call("DELETE", "/deletedsecrets/x")
    assert status == 403
    assert str(body).count("purge protection is enabled for this vault") == 1


def test_refusal_of_an_expired_or_foreign_token_has_the_reason(small: Small) -> None:
    other = "https://sts.windows.net/elsewhere/"
    wrong = f"AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{TENANT}/, found {other}."
    for headers, why in (
        (small.signed(-10), "[TokenExpired] Error validating token: 'S2S12086'."),
        (small.signed(tenant="elsewhere"), wrong),
    ):
        answer = small.send("GET", "/secrets?api-version=7.4", None, headers)
        assert answer.status_code == 401
        assert answer.json() == {"error": {"code": "Unauthorized", "message": why}}


def test_older_api_versions_omit_the_retention_days(small: Small) -> None:
    for version, tells in (("2016-10-01", False), ("7.0", False), ("7.1", True)):
        attributes = small.call("GET", "/secrets/TenantID", version=version)[1]["attributes"]
        assert isinstance(attributes, dict)
        assert ("recoverableDays" in attributes) is tells
